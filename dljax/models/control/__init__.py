"""Networks that act."""

from dljax.models.control.atari import AtariQNetwork
from dljax.models.control.q_network import QNetwork

__all__ = ['AtariQNetwork', 'QNetwork']
