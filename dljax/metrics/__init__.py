"""Scores: arrays in, one value per example out, or one per class or data set."""

from dljax.metrics.classification import accuracy, top_k_accuracy
from dljax.metrics.confusion import confusion_matrix, f1, precision, recall
from dljax.metrics.regression import absolute_error, r_squared
from dljax.metrics.self_organising import (
    adjacent,
    quantisation_error,
    topographic_error,
)

__all__ = [
    'absolute_error',
    'accuracy',
    'adjacent',
    'confusion_matrix',
    'f1',
    'precision',
    'quantisation_error',
    'r_squared',
    'recall',
    'top_k_accuracy',
    'topographic_error',
]
