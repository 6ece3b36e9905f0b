"""How good a map is: what happens to the prediction as its pixels go, or come."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.explain.target import choose_label, pure
from dljax.layers.images import check_images
from dljax.types import Array


def deletion(
    net: nn.Module,
    image: Array,
    found: Array,
    label: Array | None = None,
    *,
    baseline: float | Array = 0.0,
    steps: int = 16,
) -> Array:
    """Take pixels away, those that a map finds most important first.

    A good map makes the probability of the class fall at once: the less the mean of the
    curve, the better.

    Args:
        net: a bound module, `(image, train) -> [batch, classes]` logits.
        image: [batch, height, width, channel].
        found: [batch, height, width, channel], the map; the larger its sum over the
            channels, the earlier a pixel goes.
        label: [batch] int32, the class that the map explains; None for the one that is
            predicted for the image.
        baseline: what takes their place: a scalar, or images [...] that broadcast
            against `image`.
        steps: in how many equal parts the pixels go.

    Returns:
        [batch, steps + 1] probabilities of the class, from the whole image to none.

    Raises:
        ValueError: for what are no images, a net without logits, a map of another size,
            or no step.

    Reference:
        Petsiuk et al. (2018), RISE: Randomized Input Sampling for Explanation of
        Black-Box Models, https://arxiv.org/abs/1806.07421
    """
    return _curve(net, image, found, label, baseline, steps, insert=False)


def insertion(
    net: nn.Module,
    image: Array,
    found: Array,
    label: Array | None = None,
    *,
    baseline: float | Array = 0.0,
    steps: int = 16,
) -> Array:
    """Put pixels on a baseline, those that a map finds most important first.

    The greater the mean of the curve, the better the map.

    Args:
        net: a bound module, `(image, train) -> [batch, classes]` logits.
        image: [batch, height, width, channel].
        found: [batch, height, width, channel], the map.
        label: [batch] int32, the class that the map explains; None for the one that is
            predicted for the image.
        baseline: what the pixels are put on: a scalar, or images [...] that broadcast
            against `image`.
        steps: in how many equal parts the pixels come.

    Returns:
        [batch, steps + 1] probabilities of the class, from none to the whole image.

    Raises:
        ValueError: for what are no images, a net without logits, a map of another size,
            or no step.

    Reference:
        Petsiuk et al. (2018), RISE: Randomized Input Sampling for Explanation of
        Black-Box Models, https://arxiv.org/abs/1806.07421
    """
    return _curve(net, image, found, label, baseline, steps, insert=True)


def fraction_within(found: Array, region: Array) -> Array:
    """Tell how much of a map, by size, lies within a region.

    Args:
        found: [batch, height, width, channel], the map.
        region: [height, width] or [batch, height, width], true within.

    Returns:
        [batch] in [0, 1]; 0 of a map that is 0 everywhere.

    Example:
        >>> found = jnp.array([[-3.0, 1.0]]).reshape(1, 1, 2, 1)
        >>> fraction_within(found, jnp.array([[True, False]])).tolist()
        [0.75]
    """
    size = jnp.abs(found).sum(-1)
    inside = jnp.where(jnp.broadcast_to(region, size.shape), size, 0.0).sum((1, 2))
    whole = size.sum((1, 2))
    return inside / jnp.where(whole > 0, whole, 1.0)


def _curve(
    net: nn.Module,
    image: Array,
    found: Array,
    label: Array | None,
    baseline: float | Array,
    steps: int,
    insert: bool,
) -> Array:
    check_images(image)
    predict = pure(net, image)
    if found.shape[:3] != image.shape[:3]:
        raise ValueError(
            f'the map has shape {found.shape}, wanted that of the images, '
            f'{image.shape}, but for the channels'
        )
    if steps < 1:
        raise ValueError(f'steps is {steps}, wanted at least 1')
    label = choose_label(predict(image), label)
    importance = found.sum(-1).reshape(len(image), -1)
    pixels = importance.shape[1]
    rank = jnp.argsort(jnp.argsort(-importance, axis=1), axis=1)
    rank = rank.reshape(*image.shape[:3], 1)
    nothing = jnp.broadcast_to(jnp.asarray(baseline, image.dtype), image.shape)

    def belief(count: Array) -> Array:
        first = rank < count
        mixed = jnp.where(first == insert, image, nothing)
        return _probability(predict(mixed), label)

    counts = jnp.round(jnp.linspace(0, pixels, steps + 1))
    return jax.lax.map(belief, counts).T


def _probability(logits: Array, label: Array) -> Array:
    if logits.shape[1] == 1:
        return jax.nn.sigmoid(jnp.where(label == 1, logits[:, 0], -logits[:, 0]))
    probabilities = jax.nn.softmax(logits, axis=1)
    return jnp.take_along_axis(probabilities, label[:, None], axis=1, mode='fill')[:, 0]
