"""Scores of sets of examples, and metrics of an outcome as a whole."""

from collections.abc import Mapping, Sequence

import numpy as np
from flax import linen as nn

from dljax.data import batches
from dljax.experiment import Experiment, Measure, Outcome
from dljax.training import evaluate
from dljax.types import Figures, State


def take_measures(
    outcome: Outcome, measures: Mapping[str, Measure]
) -> dict[str, float | np.ndarray]:
    """Take the metrics of a whole outcome: 'name/metric' of each measure.

    Where there is no ensemble, what is [members] comes as the one number that it holds.
    """
    alone = np.ndim(outcome.members.step) == 0
    metrics = {}
    for name, measure in measures.items():
        for metric, value in measure(outcome).items():
            value = np.asarray(value)
            one = alone and value.shape == (1,)
            metrics[f'{name}/{metric}'] = value[0] if one else value
    return metrics


def scores(
    experiment: Experiment, net: nn.Module, state: State, names: Sequence[str]
) -> Figures:
    """Score sets of examples: 'set/score', a scalar, or [members] for an ensemble.

    Args:
        experiment: with the score and the sets.
        net: as it is trained.
        state: of it.
        names: of the sets.
    """
    each = experiment.score
    if each is None:
        return {}  # there are no sets, then
    return {
        f'{name}/{score}': value
        for name in sorted(names)
        for score, value in evaluate(
            net,
            each,
            state,
            batches(experiment.evaluation[name], experiment.evaluation_batch),
        ).items()
    }
