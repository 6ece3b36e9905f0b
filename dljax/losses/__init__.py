"""Losses: arrays in, one float32 value per example out."""

from dljax.losses.classification import binary_cross_entropy, cross_entropy
from dljax.losses.codes import (
    absolute_activation,
    activation_divergence,
    contraction,
)
from dljax.losses.margin import hinge, multiclass_hinge
from dljax.losses.reduction import per_example
from dljax.losses.regression import huber, quadratic, squared_error
from dljax.losses.temporal_difference import action_values, q_target

__all__ = [
    'absolute_activation',
    'action_values',
    'activation_divergence',
    'binary_cross_entropy',
    'contraction',
    'cross_entropy',
    'hinge',
    'huber',
    'multiclass_hinge',
    'per_example',
    'q_target',
    'quadratic',
    'squared_error',
]
