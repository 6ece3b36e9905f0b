"""Recurrent networks."""

from dljax.models.recurrent.autoregression import Autoregression
from dljax.models.recurrent.echo_state_network import EchoStateNetwork
from dljax.models.recurrent.forecaster import Forecaster

__all__ = ['Autoregression', 'EchoStateNetwork', 'Forecaster']
