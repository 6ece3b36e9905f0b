"""Networks that classify texts of words."""

import optax

from dljax.objectives import classify
from dljax.recipes.plan import Plan
from dljax.training import Player, clipped


def _classifier() -> dict[str, Player]:
    optimizer = clipped(optax.adamw(1e-3, weight_decay=1e-2))
    return {'classifier': Player(optimizer, loss=classify(('tokens', 'length')))}


_WORDS = Plan(lambda net: _classifier(), 50, lengths={'length': 'tokens'})

PLANS = {'text_cnn': _WORDS, 'text_classifier': _WORDS}
