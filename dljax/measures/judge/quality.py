"""Measures of samples by a judge: how near to real digits, how often as asked."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax import metrics
from dljax.experiment import Measure, Outcome
from dljax.measures.judge.classifier import SHAPE, Judge
from dljax.types import Array, Key

# How samples are made: all at once, of one member. Images are in [0, 1].
Draw = Callable[[nn.Module, Key, int], Array]
DrawLabelled = Callable[[nn.Module, Key, Array], Array]


def sample_quality(
    draw: Draw, judge: Judge, *, count: int | None = None, anchors: bool = True
) -> Measure:
    """Measure how near the samples of every member are to real digits.

    The distances are those to all training digits; precision and recall use as many of
    them as there are samples. The anchors are the same metrics, from as many images, of
    real test digits and of independent Gaussian pixels with the mean and the standard
    deviation of the training digits, cut off at 0 and 1. All members draw from the same
    key.

    The classes of the test digits are as frequent as those of the training digits, more
    nearly than by chance, so that their KID is a little below 0.

    Args:
        draw: `(net, key, count) -> images` of [count, 8, 8, 1] in [0, 1].
        judge: whose features are compared.
        count: samples of each member, at most the test digits, which it is by default;
            at least 5.
        anchors: whether to measure these as well; of several measures in a run, one is
            enough.

    Returns:
        A measure with 'fid', 'kid', 'inception_score', 'precision' and 'recall' of each
        member, 'fid/median' over them, and the anchors under 'test_digits/' and
        'gaussian_pixels/'.

    Raises:
        ValueError: for a count out of range.
    """
    count = len(judge.test) if count is None else count
    if not 5 <= count <= len(judge.test):
        raise ValueError(
            f'count={count}, wanted 5 to {len(judge.test)}: the anchor of real digits '
            'has to be of the same size'
        )

    # One function, so that it is compiled once where it is measured again and again.
    def drawn(net: nn.Module, key: Key) -> Array:
        return draw(net, key, count)

    def measure(outcome: Outcome) -> dict[str, float | np.ndarray]:
        made = outcome.each(drawn, jax.random.key(0))
        found = [compare(images, judge) for images in np.asarray(made, np.float32)]
        values: dict[str, float | np.ndarray] = {
            name: np.array([each[name] for each in found]) for name in found[0]
        }
        values['fid/median'] = float(np.median([each['fid'] for each in found]))
        if anchors:
            for anchor, images in make_anchors(judge, count).items():
                for name, value in compare(images, judge).items():
                    values[f'{anchor}/{name}'] = value
        return values

    return measure


def compare(images: np.ndarray, judge: Judge) -> dict[str, float]:
    """Measure images against the training digits.

    Args:
        images: [examples, 8, 8, 1] in [0, 1], at least 5.
        judge: whose features are compared.

    Returns:
        'fid', 'kid', 'inception_score', 'precision' and 'recall'.
    """
    features, real = judge.features(images), judge.real_features
    few = np.random.default_rng(0).permutation(len(real))[: len(images)]
    overlap = metrics.manifold_precision_recall(real[few], features)
    kid = metrics.kernel_distance(real, features, size=len(real))
    return {
        'fid': metrics.frechet_distance(real, features),
        'kid': float(kid.mean()),
        'inception_score': metrics.inception_score(judge.logits(images)),
        'precision': overlap.precision,
        'recall': overlap.recall,
    }


def make_anchors(judge: Judge, count: int) -> dict[str, np.ndarray]:
    """Give what samples are to be compared with: the best, and a poor generator's.

    Args:
        judge: of the digits.
        count: images of each, at most the test digits.

    Returns:
        'test_digits' and 'gaussian_pixels', [count, 8, 8, 1] in [0, 1].
    """
    random = np.random.default_rng(0)
    some = random.permutation(len(judge.test))[:count]
    pixels = random.normal(judge.real.mean(0), judge.real.std(0), (count, *SHAPE))
    return {
        'test_digits': judge.test[some],
        'gaussian_pixels': np.clip(pixels, 0.0, 1.0).astype(np.float32),
    }


def agreement(draw: DrawLabelled, judge: Judge, *, count: int = 1000) -> Measure:
    """Measure how many samples of a class the judge takes for that class.

    Args:
        draw: `(net, key, labels) -> images` of [count, 8, 8, 1] in [0, 1].
        judge: who looks at them; its own accuracy on real digits is the anchor.
        count: samples of each member, the classes in turn.

    Returns:
        A measure with 'agreement' of each member, in [0, 1], and its 'median'; under
        'test_digits' the accuracy of the judge.

    Raises:
        ValueError: for a count below 1.
    """
    if count < 1:
        raise ValueError(f'count={count}, wanted 1 or more')
    labels = np.arange(count, dtype=np.int32) % 10

    def measure(outcome: Outcome) -> dict[str, float | np.ndarray]:
        made = outcome.each(draw, jax.random.key(0), jnp.asarray(labels))
        fractions = [
            float((judge.logits(images).argmax(1) == labels).mean())
            for images in np.asarray(made, np.float32)
        ]
        return {
            'agreement': np.array(fractions),
            'median': float(np.median(fractions)),
            'test_digits': judge.accuracy,
        }

    return measure
