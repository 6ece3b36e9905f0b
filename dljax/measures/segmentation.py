"""How well a net classifies pixels, exact over a set, for all members."""

import dataclasses
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from dljax import metrics
from dljax.data import batches
from dljax.experiment import Measure, Outcome, once
from dljax.training import member
from dljax.types import Predict

Counts = Callable[[Outcome], np.ndarray]  # [members, classes, classes] of an outcome


def pixel_counts(count: Predict, split: str = 'test', batch_size: int = 64) -> Counts:
    """Count over a whole set which class pixels were taken for.

    Args:
        count: `(net, batch) -> [classes, classes]`, as `objectives.count_pixels` gives.
        split: which set.
        batch_size: images at once.

    Returns:
        `(outcome) -> [members, classes, classes]` int64, row: the truth. It remembers
        the last outcome, for all that is drawn and measured of it.
    """

    def counted(outcome: Outcome) -> np.ndarray:
        return np.stack(
            [_total(one, count, split, batch_size) for one in each_member(outcome)]
        )

    return once(counted)


def overlaps(counts: Counts, names: Sequence[str]) -> Measure:
    """Take the metrics of a segmentation: exact over the set, not means over images.

    Args:
        counts: of `pixel_counts`.
        names: of the classes, the background first.

    Returns:
        The measure, [members] each: 'iou', the mean of intersection over union over all
        classes; 'iou_objects', over all but the background; 'dice', the mean over all;
        'accuracy', of pixels; 'iou_' and its name for each class that occurs.
    """

    def measure(outcome: Outcome) -> dict[str, np.ndarray]:
        table = counts(outcome)
        each = np.asarray(metrics.intersection_over_union(table))
        occurs = table.sum((0, 2)) > 0
        return {
            'iou': np.asarray(metrics.mean_iou(table)),
            'iou_objects': np.asarray(metrics.mean_iou(table, background=False)),
            'dice': np.nanmean(np.asarray(metrics.dice(table)), axis=1),
            'accuracy': np.asarray(metrics.pixel_accuracy(table)),
        } | {
            f'iou_{name}': each[:, index]
            for index, name in enumerate(names)
            if occurs[index]
        }

    return measure


def each_member(outcome: Outcome) -> list[Outcome]:
    """Give the outcome of each member: mapped kernels are slow on a CPU."""
    if np.ndim(outcome.members.step) == 0:
        return [outcome]
    return [
        dataclasses.replace(outcome, state=member(outcome.members, index))
        for index in range(len(outcome.members.step))
    ]


def _total(outcome: Outcome, count: Predict, split: str, size: int) -> np.ndarray:
    """Sum the counts of batches; the padding of a short last one counts nothing."""
    total = np.zeros((), np.int64)
    for batch in batches(outcome.evaluation[split], size):
        batch = {k: jnp.asarray(v) for k, v in batch.items()}
        total = total + np.asarray(outcome.apply(count, batch), np.int64)
    return total
