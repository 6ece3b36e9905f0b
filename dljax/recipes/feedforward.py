"""Networks without convolution or recurrence."""

import optax

from dljax.models.feedforward import RBFNetwork
from dljax.objectives import (
    classify,
    perceptron,
    place_centres,
    regress,
    solve_readout,
)
from dljax.recipes.plan import Plan
from dljax.training import Player, clipped


def _by_gradient(optimizer: optax.GradientTransformation, batch: int) -> Plan:
    player = Player(optimizer, loss=classify('features'))
    return Plan(lambda net: {'classifier': player}, batch)


def _centres_and_readout(net: RBFNetwork) -> dict[str, Player]:
    """A round of k-means, then the output layer by least squares."""
    readout = solve_readout('features', classes=net.outputs, ridge=1e-2)
    return {
        'centres': Player(
            optax.sgd(1.0), direction=place_centres(), trains=('radial',)
        ),
        'output': Player(optax.sgd(1.0), direction=readout, trains=('output',)),
    }


_FORECAST = Plan(
    lambda net: {'forecaster': Player(optax.adam(1e-3), loss=regress('history'))},
    32,
    shaped_by={'target': 'history'},
)
_RULE = Player(optax.sgd(0.1), direction=perceptron())
_XOR = _by_gradient(optax.sgd(1.0), 4)

PLANS = {
    'perceptron': Plan(lambda net: {'rule': _RULE}, 32),
    'logistic_regression': _by_gradient(optax.sgd(0.1), 32),
    'mlp': _by_gradient(clipped(optax.adamw(2e-3, weight_decay=1e-4)), 128),
    'xor_2_2_1': _XOR,
    'xor_2_4_1': _XOR,
    'rbf_network': Plan(_centres_and_readout, 128),
    'modular_network': _by_gradient(clipped(optax.adamw(2e-3, weight_decay=1e-2)), 128),
    'linear_forecaster': _FORECAST,
    'nlinear': _FORECAST,
    'dlinear': _FORECAST,
}
