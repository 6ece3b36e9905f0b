"""Control tasks in pure JAX."""

from dljax.environments.cartpole import cartpole
from dljax.environments.environment import Environment, TimeStep
from dljax.environments.episode import (
    Play,
    Transition,
    advance,
    begin,
    episode_return,
)

__all__ = [
    'Environment',
    'TimeStep',
    'Play',
    'Transition',
    'advance',
    'begin',
    'cartpole',
    'episode_return',
]
