"""Networks that act, on transitions that were replayed."""

import jax.numpy as jnp
import optax
from flax import linen as nn

from dljax.models.container import container
from dljax.models.control import AtariQNetwork, QNetwork
from dljax.objectives import follow, temporal_difference
from dljax.recipes.plan import Plan, Specs
from dljax.training import Player
from dljax.types import Spec

TAU = 0.02  # share of its distance from the online net that the target net goes


def _players(net: nn.Module) -> dict[str, Player]:
    return {
        'critic': Player(
            optax.adam(5e-4),
            loss=temporal_difference(double=True),
            trains=('online',),
        ),
        'target': Player(
            # The first move makes a copy, those after it follow slowly.
            optax.sgd(lambda moves: jnp.where(moves == 0, 1.0, TAU)),
            direction=follow('online'),
            trains=('target',),
        ),
    }


def _transitions(net: QNetwork | AtariQNetwork, specs: Specs) -> Specs:
    """A step of the task, as `dljax.data.replay` gives it."""
    seen = specs['observation']
    return {
        'observation': seen,
        'action': Spec((), 'int32', 0, net.actions - 1),
        'reward': Spec((), 'float32', -1, 1),
        'following': seen,
        'terminated': Spec((), 'bool'),
    }


_DQN = Plan(
    _players,
    128,
    arrange=lambda net: container(online=net, target=net),
    features=_transitions,
    shaped_by={'following': 'observation'},
)

PLANS = {'dqn_cartpole': _DQN, 'dqn_atari': _DQN}
