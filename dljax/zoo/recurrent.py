"""Recurrent networks."""

from dljax.models import recurrent
from dljax.types import Spec
from dljax.zoo.rows import Row, Specs


def _series(net: recurrent.EchoStateNetwork) -> Specs:
    """A sequence, and what is wanted in each of its steps."""
    return {'history': Spec((None, None)), 'target': Spec((None, net.outputs))}


def _forecast(net: recurrent.Forecaster | recurrent.Autoregression) -> Specs:
    """A history, and what follows it."""
    return {'history': Spec((None, 1)), 'target': Spec((net.horizon,))}


ROWS = (
    Row(
        name='echo_state_network',
        constructor=recurrent.EchoStateNetwork,
        inputs=_series,
        example={'history': (30, 1), 'target': (30, 1)},
        parameters=402,
        paper='Jaeger and Haas, 2004, Harnessing Nonlinearity: Predicting Chaotic '
        'Systems and Saving Energy in Wireless Communication, '
        'https://doi.org/10.1126/science.1091277',
        reference='the readout alone: 400 units, 1 input, 1 bias',
    ),
    Row(
        name='forecaster',
        constructor=recurrent.Forecaster,
        inputs=_forecast,
        example={'history': (168, 1)},
        parameters=20_440,
        paper='Lin et al., 2023, SegRNN: Segment Recurrent Neural Network for '
        'Long-Term Time Series Forecasting, https://arxiv.org/abs/2308.11200',
        reference='GRU 12·192 + 64·192 + 192 + 64, output 64·24+24, highway 168·24',
    ),
    Row(
        name='autoregression',
        constructor=recurrent.Autoregression,
        inputs=_forecast,
        example={'history': (168, 1)},
        parameters=4_056,
        paper='Yule, 1927, On a Method of Investigating Periodicities in Disturbed '
        'Series, https://doi.org/10.1098/rsta.1927.0007',
        reference='168·24 + 24',
    ),
)
