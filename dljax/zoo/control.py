"""Networks that act."""

from dljax.models import control
from dljax.types import Spec
from dljax.zoo.rows import Row

_DQN = (
    'Mnih et al., 2015, Human-Level Control Through Deep Reinforcement Learning, '
    'https://doi.org/10.1038/nature14236'
)

ROWS = (
    Row(
        name='dqn_cartpole',
        constructor=control.QNetwork,
        inputs=lambda net: {'observation': Spec((None,))},
        example={'observation': (4,)},
        parameters=10_934,
        paper=_DQN,
        reference='4·120+120 + 120·84+84 + 84·2+2, as in CleanRL, dqn.py',
    ),
    Row(
        name='dqn_atari',
        constructor=control.AtariQNetwork,
        inputs=lambda net: {'observation': Spec((84, 84, 4), 'float32', 0, 1)},
        parameters=1_686_180,
        paper=_DQN,
        reference='8,224 + 32,832 + 36,928 + 1,606,144 + 2,052',
    ),
)
