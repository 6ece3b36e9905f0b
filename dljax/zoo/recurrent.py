"""Recurrent networks."""

from dljax.models import recurrent
from dljax.types import Spec
from dljax.zoo.rows import Row, Specs


def _text(net: recurrent.CharacterModel) -> Specs:
    tokens = Spec((None,), 'int32', 0, net.vocabulary - 1)
    return {'tokens': tokens, 'target': tokens}


ROWS = (
    Row(
        name='character_lstm',
        constructor=recurrent.CharacterModel,
        inputs=_text,
        example={'tokens': (32,), 'target': (32,)},
        parameters=734_564,
        paper='Graves, 2013, Generating Sequences With Recurrent Neural Networks, '
        'https://arxiv.org/abs/1308.0850',
        reference='100·64 + 4·384·(64+384+1) + 384·100+100',
    ),
)
