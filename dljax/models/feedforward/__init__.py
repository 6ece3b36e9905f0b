"""Networks without convolution or recurrence."""

from dljax.models.feedforward.dlinear import DLinear, split_trend
from dljax.models.feedforward.linear_forecaster import LinearForecaster, nlinear
from dljax.models.feedforward.mlp import MLP
from dljax.models.feedforward.modular_network import ModularNetwork
from dljax.models.feedforward.perceptron import Perceptron, logistic_regression
from dljax.models.feedforward.rbf_network import RBFNetwork
from dljax.models.feedforward.sizing import (
    Difficulty,
    hidden_width,
    propose_hidden,
    shrinking_widths,
)
from dljax.models.feedforward.xor import xor_2_2_1, xor_2_4_1, xor_weights

__all__ = [
    'MLP',
    'DLinear',
    'Difficulty',
    'LinearForecaster',
    'ModularNetwork',
    'Perceptron',
    'RBFNetwork',
    'hidden_width',
    'logistic_regression',
    'nlinear',
    'propose_hidden',
    'shrinking_widths',
    'split_trend',
    'xor_2_2_1',
    'xor_2_4_1',
    'xor_weights',
]
