"""Objectives: functions of a bound net that join losses and rules with nets."""

from dljax.objectives.classification import (
    classify,
    predict,
    score_classes,
    score_solved,
)
from dljax.objectives.language import generate, predict_next, score_next
from dljax.objectives.regression import regress, score_regression
from dljax.objectives.rules import follow, perceptron, place_centres, solve_readout
from dljax.objectives.within import side_by_side, within

__all__ = [
    'classify',
    'follow',
    'generate',
    'perceptron',
    'place_centres',
    'predict',
    'predict_next',
    'regress',
    'score_classes',
    'score_next',
    'score_regression',
    'score_solved',
    'side_by_side',
    'solve_readout',
    'within',
]
