"""How unlike images look to a judge: of pairs, and of the samples of a generator."""

import jax
import numpy as np

from dljax import metrics
from dljax.experiment import Measure, Outcome
from dljax.measures.judge.classifier import Judge
from dljax.measures.judge.quality import DrawLabelled
from dljax.types import Array

PAIRS = 20  # of each class


def looks_apart(
    images: Array | np.ndarray, others: Array | np.ndarray, judge: Judge
) -> np.ndarray:
    """Tell how unlike two images of a pair look to a judge (LPIPS's distance).

    By the rectified maps of its two convolutions: `metrics.perceptual_distance`,
    without weights, since no people were asked.

    Args:
        images: [pairs, height, width, channel] in [0, 1], of the judge's size.
        others: [pairs, height, width, channel], the other image of each pair.
        judge: whose feature maps are compared.

    Returns:
        [pairs] float32 in [0, 4]; 0 for equal images.

    Raises:
        ValueError: for images of another shape or range, or unequally many.

    Reference:
        Zhang et al. (2018), The Unreasonable Effectiveness of Deep Features as a
        Perceptual Metric, https://arxiv.org/abs/1801.03924
    """
    maps, other = judge.maps(images), judge.maps(others)
    return np.asarray(metrics.perceptual_distance(maps, other))


def diversity(draw: DrawLabelled, judge: Judge, *, pairs: int = PAIRS) -> Measure:
    """Measure how unlike the samples of one class look, on average over pairs.

    Args:
        draw: `(net, key, labels) -> images` of [count, height, width, channel] in
            [0, 1], of the judge's size.
        judge: who looks at them.
        pairs: of samples of each class.

    Returns:
        A measure with 'diversity' of each member, in [0, 4]; under 'test_images', or
        what the judge calls them, that of pairs of real test images of a class.

    Raises:
        ValueError: for no pairs, or fewer than two test images of each class.
    """
    counts = np.bincount(judge.test_labels, minlength=judge.classes)
    if pairs < 1 or counts.min() < 2:
        raise ValueError(
            f'pairs={pairs} and {counts.min()} test {judge.noun} of the rarest class, '
            'wanted at least 1 and 2: pairs of real ones are the anchor'
        )
    labels = np.repeat(np.arange(judge.classes, dtype=np.int32), 2 * pairs)

    def measure(outcome: Outcome) -> dict[str, float | np.ndarray]:
        made = outcome.each(draw, jax.random.key(0), jax.numpy.asarray(labels))
        found = [
            float(looks_apart(images[::2], images[1::2], judge).mean())
            for images in np.asarray(made, np.float32)
        ]
        random = np.random.default_rng(0)
        chosen = np.concatenate(
            [
                random.choice(np.flatnonzero(judge.test_labels == label), 2, False)
                for label in labels[::2]
            ]
        )
        real = judge.test[chosen]
        return {
            'diversity': np.array(found),
            f'test_{judge.noun}': float(
                looks_apart(real[::2], real[1::2], judge).mean()
            ),
        }

    return measure
