"""Residual networks."""

import optax

from dljax.objectives import classify
from dljax.recipes.plan import Plan
from dljax.training import Player


def _residual(batch: int) -> Plan:
    descent = optax.chain(optax.add_decayed_weights(1e-4), optax.sgd(0.1, 0.9))
    player = Player(descent, loss=classify())
    return Plan(lambda net: {'classifier': player}, batch)


_LARGE, _SMALL = _residual(32), _residual(128)

PLANS = {
    'resnet18': _LARGE,
    'resnet34': _LARGE,
    'resnet50': _LARGE,
    'resnet101': _LARGE,
    'resnet152': _LARGE,
    'resnet50_keras': _LARGE,
    'resnet_cifar': _SMALL,
    'resnet20_cifar': _SMALL,
    'resnet32_cifar': _SMALL,
    'resnet44_cifar': _SMALL,
    'resnet56_cifar': _SMALL,
    'resnet110_cifar': _SMALL,
    'resnet1202_cifar': _SMALL,
    'preact_resnet18': _SMALL,
}
