"""Transformers."""

from typing import Any

import optax

from dljax.models.attention.bert import Bert
from dljax.objectives import (
    classify,
    predict_masked,
    predict_next,
    regress,
    translate,
)
from dljax.recipes.plan import Plan
from dljax.training import Player, clipped
from dljax.types import Loss


def _warmed_up(rate: float, warm_up: int, updates: int) -> optax.Schedule:
    """Rise linearly to the rate, then fall to nothing by half a cosine."""
    return optax.warmup_cosine_decay_schedule(0.0, rate, warm_up, updates)


def _player(
    name: str, loss: Loss, rate: float, decay: float, **settings: Any
) -> dict[str, Player]:
    schedule = _warmed_up(rate, 1_000, 100_000)
    optimizer = optax.adamw(schedule, weight_decay=decay, **settings)
    return {name: Player(clipped(optimizer), loss=loss)}


def _translator() -> dict[str, Player]:
    return _player('translator', translate(label_smoothing=0.1), 1e-3, 0.0, b2=0.98)


def _fills_gaps(net: Bert) -> dict[str, Player]:
    # 103 is the mask of BERT's own vocabulary.
    loss = predict_masked(min(103, net.vocabulary - 1))
    return _player('model', loss, 1e-4, 0.01)


def _classifies_texts() -> dict[str, Player]:
    # Three epochs of some ten thousand texts: the paper's rate, which then falls.
    schedule = optax.warmup_cosine_decay_schedule(0.0, 5e-5, 100, 1_000)
    optimizer = clipped(optax.adamw(schedule, weight_decay=0.01))
    return {'classifier': Player(optimizer, loss=classify(('tokens', 'length')))}


_LENGTHS = {'source_length': 'source', 'target_length': 'target'}
_TRANSLATION = Plan(lambda net: _translator(), 64, lengths=_LENGTHS)
_TEXT = Plan(
    lambda net: _player('model', predict_next(), 1e-3, 0.1, b2=0.99),
    32,
    shaped_by={'target': 'tokens'},
)
_IMAGES = Plan(lambda net: _player('classifier', classify(), 1e-3, 0.1), 32)

PLANS = {
    'transformer': _TRANSLATION,
    'transformer_small': _TRANSLATION,
    'gpt_character': _TEXT,
    'gpt2': _TEXT,
    'bert_base': Plan(_fills_gaps, 32, lengths={'length': 'tokens'}),
    'bert_classifier': Plan(
        lambda net: _classifies_texts(), 32, lengths={'length': 'tokens'}
    ),
    'vit_b_16': _IMAGES,
    'vit_b_32': _IMAGES,
    'transformer_forecaster': Plan(
        lambda net: {
            'forecaster': Player(optax.adam(1e-4), loss=regress('history')),
        },
        32,
        shaped_by={'target': 'history'},
    ),
}
