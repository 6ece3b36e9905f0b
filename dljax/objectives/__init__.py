"""Objectives: functions of a bound net that join losses and rules with nets."""

from dljax.objectives.classification import (
    classify,
    predict,
    score_classes,
    score_solved,
)
from dljax.objectives.forecasting import score_forecast, score_free_run
from dljax.objectives.regression import regress, score_regression
from dljax.objectives.rules import follow, perceptron, place_centres, solve_readout
from dljax.objectives.within import side_by_side, within

__all__ = [
    'classify',
    'follow',
    'perceptron',
    'place_centres',
    'predict',
    'regress',
    'score_classes',
    'score_forecast',
    'score_free_run',
    'score_regression',
    'score_solved',
    'side_by_side',
    'solve_readout',
    'within',
]
