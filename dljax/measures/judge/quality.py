"""Measures of samples by a judge: how near to real images, how often as asked."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax import metrics
from dljax.experiment import Measure, Outcome
from dljax.measures.judge.classifier import Judge
from dljax.types import Array, Key, fold

# Real images up to which the kernel of all pairs is taken; beyond, KID is the mean over
# a hundred random subsets of so many, as its paper has it.
WHOLE, SUBSET = 4000, 1000

# Samples of a member that are made in one go.
PART = 500

# How samples are made, of one member. Images are in [0, 1].
Draw = Callable[[nn.Module, Key, int], Array]
DrawLabelled = Callable[[nn.Module, Key, Array], Array]


def sample_quality(
    draw: Draw, judge: Judge, *, count: int | None = None, anchors: bool = True
) -> Measure:
    """Measure how near the samples of every member are to real images.

    The distances are those to all training images; precision and recall use as many of
    them as there are samples. The anchors are the same metrics, from as many images, of
    real test images and of independent Gaussian pixels with the mean and the standard
    deviation of the training images, cut off at 0 and 1. All members draw from the same
    key. What the metrics depend on, `judge.describe(count)` says.

    Of more than 4,000 training images KID is taken by subsets of 1,000. Where the
    classes of the test images are as frequent as those of the training images, more
    nearly than by chance, their KID is a little below 0.

    Args:
        draw: `(net, key, count) -> images` of [count, height, width, channel] in
            [0, 1], of the judge's size.
        judge: whose features are compared.
        count: samples of each member, at most the test images, or the training images
            if these are fewer, which it is by default; at least 5.
        anchors: whether to measure these as well; of several measures in a run, one is
            enough.

    Returns:
        A measure with 'fid', 'kid', 'inception_score', 'precision' and 'recall' of each
        member, 'fid/median' over them, and the anchors under 'test_images/', or what
        the judge calls them, and 'gaussian_pixels/'.

    Raises:
        ValueError: for a count out of range.
    """
    most = min(len(judge.test), len(judge.real))
    count = most if count is None else count
    if not 5 <= count <= most:
        raise ValueError(
            f'count={count}, wanted 5 to {most}: the anchor of real {judge.noun} has '
            'to be of the same size'
        )

    # Functions that stay, so that they are compiled once where it is measured again.
    def drawn(net: nn.Module, key: Key) -> Array:
        return draw(net, key, min(count, PART))

    def rest(net: nn.Module, key: Key) -> Array:
        return draw(net, key, count % PART)

    def made_by(outcome: Outcome) -> np.ndarray:
        key = jax.random.key(0)
        parts = [outcome.each(drawn, key)]
        for part in range(1, count // PART):
            parts.append(outcome.each(drawn, fold(key, part)))
        if count > PART and count % PART:
            parts.append(outcome.each(rest, fold(key, 'rest')))
        return np.concatenate([np.asarray(part, np.float32) for part in parts], axis=1)

    def measure(outcome: Outcome) -> dict[str, float | np.ndarray]:
        found = [compare(images, judge) for images in made_by(outcome)]
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


def quality_by_setting(draws: Mapping[str, Draw], judge: Judge) -> Measure:
    """Measure several ways to make samples of one net, such as truncations.

    Args:
        draws: by name: `(net, key, count) -> images` of [count, height, width, channel]
            in [0, 1], of the judge's size.
        judge: whose features are compared.

    Returns:
        A measure with 'NAME/fid', 'NAME/precision' and 'NAME/recall' of each: the
        medians over the members.
    """
    measures = {
        name: sample_quality(draw, judge, anchors=False) for name, draw in draws.items()
    }

    def measure(outcome: Outcome) -> dict[str, float | np.ndarray]:
        found = {name: taken(outcome) for name, taken in measures.items()}
        return {
            f'{name}/{metric}': float(np.median(values[metric]))
            for name, values in found.items()
            for metric in ('fid', 'precision', 'recall')
        }

    return measure


def compare(images: np.ndarray, judge: Judge) -> dict[str, float]:
    """Measure images against the training images.

    Args:
        images: [examples, height, width, channel] in [0, 1], of the judge's size; at
            least 5 and at most the training images.
        judge: whose features are compared.

    Returns:
        'fid', 'kid', 'inception_score', 'precision' and 'recall'.

    Raises:
        ValueError: for images of another shape or range, too few or too many.
    """
    if not 5 <= len(images) <= len(judge.real):
        raise ValueError(
            f'{len(images)} images, wanted 5 to {len(judge.real)}, as many as the '
            'judge has real ones: precision and recall compare equally many'
        )
    features, real = judge.features(images), judge.real_features
    few = np.random.default_rng(0).permutation(len(real))[: len(images)]
    overlap = metrics.manifold_precision_recall(real[few], features)
    size = len(real) if len(real) <= WHOLE else SUBSET
    kid = metrics.kernel_distance(real, features, size=size)
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
        judge: of such images.
        count: images of each, at most the test images.

    Returns:
        'test_images', or what the judge calls them ('test_digits'), and
        'gaussian_pixels', [count, height, width, channel] in [0, 1].
    """
    random = np.random.default_rng(0)
    some = random.permutation(len(judge.test))[:count]
    pixels = random.normal(judge.real.mean(0), judge.real.std(0), (count, *judge.shape))
    return {
        f'test_{judge.noun}': judge.test[some],
        'gaussian_pixels': np.clip(pixels, 0.0, 1.0).astype(np.float32),
    }


def agreement(draw: DrawLabelled, judge: Judge, *, count: int = 1000) -> Measure:
    """Measure how many samples of a class the judge takes for that class.

    Args:
        draw: `(net, key, labels) -> images` of [count, height, width, channel] in
            [0, 1], of the judge's size.
        judge: who looks at them; its own accuracy on real images is the anchor.
        count: samples of each member, the judge's classes in turn.

    Returns:
        A measure with 'agreement' of each member, in [0, 1], and its 'median'; under
        'test_images', or what the judge calls them, the accuracy of the judge.

    Raises:
        ValueError: for a count below 1.
    """
    if count < 1:
        raise ValueError(f'count={count}, wanted 1 or more')
    labels = np.arange(count, dtype=np.int32) % judge.classes

    def measure(outcome: Outcome) -> dict[str, float | np.ndarray]:
        made = outcome.each(draw, jax.random.key(0), jnp.asarray(labels))
        fractions = [
            float((judge.logits(images).argmax(1) == labels).mean())
            for images in np.asarray(made, np.float32)
        ]
        return {
            'agreement': np.array(fractions),
            'median': float(np.median(fractions)),
            f'test_{judge.noun}': judge.accuracy,
        }

    return measure
