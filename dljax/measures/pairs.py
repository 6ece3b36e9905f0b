"""Measures of translations that were learned from pairs (U4.3)."""

import numpy as np
from flax import linen as nn

from dljax.experiment import Measure, Outcome
from dljax.types import Array, HostBatch


def detail_and_distance(test: HostBatch, colour: np.ndarray) -> Measure:
    """Measure how far translations are from the truth, and how much detail they have.

    Distances are means of the absolute difference, in [0, 1] from black to white. The
    detail of images is the mean absolute difference of neighbouring pixels; it is told
    as a fraction of that of the true images: 1 is as much, near 0 is blurred. Beside
    the translations stand what was given, as it is, and the mean colour of the
    training.

    Args:
        test: 'a' and 'b', [example, height, width, channel] in [-1, 1].
        colour: [channel], the mean of 'b' over the training, in [-1, 1].

    Returns:
        A measure of a `PairedTranslation`: 'l1' and 'detail' of each member; 'given/l1'
        and 'given/detail', where A and B have as many channels; 'mean_colour/l1'.
    """
    given, truth = (np.asarray(test[name], np.float32) for name in ('a', 'b'))

    def translate(net: nn.Module, images: Array) -> Array:
        return net.generator(images, train=False)

    def measure(outcome: Outcome) -> dict[str, float | np.ndarray]:
        parts = np.array_split(np.arange(len(given)), -(-len(given) // 128))
        made = np.concatenate(
            [np.asarray(outcome.each(translate, given[part])) for part in parts],
            axis=1,
        )
        found: dict[str, float | np.ndarray] = {
            'l1': np.array([distance(each, truth) for each in made]),
            'detail': np.array([detail(each) for each in made]) / detail(truth),
            'mean_colour/l1': distance(np.broadcast_to(colour, truth.shape), truth),
        }
        if given.shape == truth.shape:
            found['given/l1'] = distance(given, truth)
            found['given/detail'] = detail(given) / detail(truth)
        return found

    return measure


def distance(images: np.ndarray, truth: np.ndarray) -> float:
    """Average the absolute difference, in [0, 1] from black to white.

    Args:
        images: [example, height, width, channel] in [-1, 1].
        truth: [example, height, width, channel] in [-1, 1].

    Returns:
        The mean over all.
    """
    return float(np.abs(images - truth).mean()) / 2


def detail(images: np.ndarray) -> float:
    """Average the absolute difference of neighbouring pixels.

    Args:
        images: [example, height, width, channel].

    Returns:
        The mean over both directions, at least 1e-12.
    """
    across = np.abs(np.diff(images, axis=2)).mean()
    down = np.abs(np.diff(images, axis=1)).mean()
    return max(float(across + down) / 2, 1e-12)
