"""Networks that act, on transitions that were replayed."""

import optax

from dljax.models.container import container
from dljax.models.control import AtariQNetwork, QNetwork
from dljax.recipes.plan import Plan, Specs
from dljax.recipes.players import q_players
from dljax.types import Spec


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
    lambda net: q_players(optax.adam(5e-4)),
    128,
    arrange=lambda net: container(online=net, target=net),
    features=_transitions,
    shaped_by={'following': 'observation'},
)

PLANS = {'dqn_cartpole': _DQN, 'dqn_atari': _DQN}
