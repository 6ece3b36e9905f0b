"""Convolutional networks."""

import optax

from dljax.models.convolutional import GoogLeNet
from dljax.objectives import classify, classify_with_auxiliaries
from dljax.recipes.plan import Plan
from dljax.training import Player, clipped
from dljax.zoo import list_models

# As the papers have it: momentum, and a decay that is part of the gradient.
_MOMENTUM = optax.chain(optax.add_decayed_weights(5e-4), optax.sgd(0.01, 0.9))


def _by_adam(learning_rate: float) -> Plan:
    player = Player(clipped(optax.adam(learning_rate)), loss=classify())
    return Plan(lambda net: {'classifier': player}, 128)


def _by_momentum(batch: int) -> Plan:
    player = Player(_MOMENTUM, loss=classify())
    return Plan(lambda net: {'classifier': player}, batch)


def _with_heads(net: GoogLeNet) -> dict[str, Player]:
    loss = classify_with_auxiliaries() if net.auxiliary else classify()
    return {'classifier': Player(_MOMENTUM, loss=loss)}


PLANS = {
    'lenet5': _by_adam(2e-3),
    'lenet5_1998': _by_adam(2e-3),
    'tutorial_cnn': _by_adam(1e-3),
    'alexnet': _by_momentum(128),
    'alexnet_2012': _by_momentum(128),
    **{name: _by_momentum(32) for name in list_models('vgg*')},
    'googlenet': Plan(_with_heads, 32),
    'googlenet_2014': Plan(_with_heads, 32),
}
