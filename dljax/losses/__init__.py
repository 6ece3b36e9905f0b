"""Losses: arrays in, one float32 value per example out."""

from dljax.losses.classification import binary_cross_entropy, cross_entropy
from dljax.losses.margin import hinge, multiclass_hinge
from dljax.losses.reduction import per_example
from dljax.losses.regression import huber, quadratic, squared_error

__all__ = [
    'binary_cross_entropy',
    'cross_entropy',
    'hinge',
    'huber',
    'multiclass_hinge',
    'per_example',
    'quadratic',
    'squared_error',
]
