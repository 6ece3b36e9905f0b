"""Scores: arrays in, one value per example out, or one per class or data set."""

from dljax.metrics.classification import accuracy, top_k_accuracy
from dljax.metrics.codes import active_share, nearest_neighbours, principal_angles
from dljax.metrics.confusion import confusion_matrix, f1, precision, recall
from dljax.metrics.forecasting import coverage, naive_scale, predictive_interval
from dljax.metrics.ngram import witten_bell
from dljax.metrics.partition import (
    Estimate,
    annealed_importance_sampling,
    log_partition,
    states,
)
from dljax.metrics.regression import absolute_error, r_squared
from dljax.metrics.self_organising import (
    adjacent,
    quantisation_error,
    topographic_error,
)

__all__ = [
    'Estimate',
    'absolute_error',
    'accuracy',
    'active_share',
    'adjacent',
    'annealed_importance_sampling',
    'confusion_matrix',
    'coverage',
    'f1',
    'log_partition',
    'naive_scale',
    'nearest_neighbours',
    'precision',
    'predictive_interval',
    'principal_angles',
    'quantisation_error',
    'r_squared',
    'recall',
    'states',
    'top_k_accuracy',
    'topographic_error',
    'witten_bell',
]
