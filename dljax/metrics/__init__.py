"""Scores: arrays in, one value per example out, or one per class or data set."""

from dljax.metrics.classification import accuracy, top_k_accuracy
from dljax.metrics.confusion import confusion_matrix, f1, precision, recall
from dljax.metrics.forecasting import coverage, naive_scale, predictive_interval
from dljax.metrics.regression import absolute_error, r_squared

__all__ = [
    'absolute_error',
    'accuracy',
    'confusion_matrix',
    'coverage',
    'f1',
    'naive_scale',
    'precision',
    'predictive_interval',
    'r_squared',
    'recall',
    'top_k_accuracy',
]
