"""Losses: arrays in, one float32 value per example out."""

from dljax.losses.adversarial import (
    Game,
    gradient_penalty,
    hinge_game,
    least_squares_game,
    minimax_game,
    non_saturating_game,
    r1_penalty,
    wasserstein_game,
)
from dljax.losses.classification import binary_cross_entropy, cross_entropy
from dljax.losses.codes import (
    absolute_activation,
    activation_divergence,
    contraction,
)
from dljax.losses.counts import binomial_loss
from dljax.losses.ctc import ctc_loss
from dljax.losses.gaussian import gaussian_divergence, gaussian_log_density
from dljax.losses.margin import hinge, multiclass_hinge
from dljax.losses.orthogonal import orthogonal_penalty
from dljax.losses.pictures import (
    charbonnier,
    pixel_absolute_error,
    pixel_squared_error,
)
from dljax.losses.reduction import per_example
from dljax.losses.regression import huber, quadratic, sum_squared_error
from dljax.losses.segmentation import (
    border_weights,
    pixel_cross_entropy,
    soft_dice,
)
from dljax.losses.temporal_difference import action_values, q_target

__all__ = [
    'Game',
    'absolute_activation',
    'action_values',
    'activation_divergence',
    'binary_cross_entropy',
    'binomial_loss',
    'border_weights',
    'charbonnier',
    'contraction',
    'cross_entropy',
    'ctc_loss',
    'gaussian_divergence',
    'gaussian_log_density',
    'gradient_penalty',
    'hinge',
    'hinge_game',
    'huber',
    'least_squares_game',
    'minimax_game',
    'multiclass_hinge',
    'non_saturating_game',
    'orthogonal_penalty',
    'per_example',
    'pixel_absolute_error',
    'pixel_cross_entropy',
    'pixel_squared_error',
    'q_target',
    'quadratic',
    'r1_penalty',
    'soft_dice',
    'sum_squared_error',
    'wasserstein_game',
]
