"""Objectives: functions of a bound net that join losses and rules with nets."""

from dljax.objectives.classification import (
    classify,
    predict,
    score_classes,
    score_solved,
)
from dljax.objectives.control import (
    epsilon_greedy,
    greedy,
    score_return,
    temporal_difference,
)
from dljax.objectives.regression import regress, score_regression
from dljax.objectives.rules import follow, perceptron, place_centres, solve_readout
from dljax.objectives.within import side_by_side, within

__all__ = [
    'classify',
    'epsilon_greedy',
    'follow',
    'greedy',
    'perceptron',
    'place_centres',
    'predict',
    'regress',
    'score_classes',
    'score_regression',
    'score_return',
    'score_solved',
    'side_by_side',
    'solve_readout',
    'temporal_difference',
    'within',
]
