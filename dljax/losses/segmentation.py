"""Losses of a class for each pixel: per example, over the pixels that count."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dljax.losses.meaning import nan_beyond
from dljax.losses.reduction import per_example
from dljax.losses.surprise import surprise
from dljax.types import Array


def pixel_cross_entropy(
    logits: Array,
    labels: Array,
    *,
    class_weights: Sequence[float] | np.ndarray | None = None,
    weights: Array | None = None,
    ignore: int | None = None,
    where: Array | None = None,
) -> Array:
    r"""Mean negative log likelihood, $\sum w_y v (-\log p_y) / \sum w_y$ over pixels.

    $w_y$ is the weight of a pixel's class and v its own. The sums are over the pixels
    of an example that count, so that neither the size of an image nor the fractions of
    the classes change the scale; what is heavy by its place, by v, counts more.

    Args:
        logits: [batch, height, width, classes], any real numbers; of other axes between
            the first and the last as well.
        labels: integers [batch, height, width] in [0, classes); one out of range that
            counts makes the loss of its example NaN, and the derivative too.
        class_weights: w, [classes] numbers of at least 0, such as the inverse of each
            class's fraction; None weighs all alike.
        weights: v, [batch, height, width], at least 0, such as `border_weights`; None
            weighs all alike.
        ignore: the label of pixels that do not count, which may lie outside of
            [0, classes), such as 255; None counts all.
        where: [batch, height, width] bool, the pixels that count; None counts all.

    Returns:
        [batch] float32 in nats, at least 0; 0 for an example of which nothing counts.

    Raises:
        ValueError: if the shapes do not belong together, or the labels are no integers.

    Reference:
        Ronneberger et al. (2015), U-Net: Convolutional Networks for Biomedical Image
        Segmentation, equation 1, https://arxiv.org/abs/1505.04597

    Example:
        >>> import jax.numpy as jnp
        >>> logits = jnp.log(jnp.array([[[[.5, .5], [.75, .25]]]]))
        >>> print(pixel_cross_entropy(logits, jnp.array([[[0, 1]]])).round(4))
        [1.0397]
        >>> print(pixel_cross_entropy(logits, jnp.array([[[0, 255]]]), ignore=255))
        [0.6931472]
    """
    logits, labels, counted = _checked(logits, labels, ignore, where)
    inside = jnp.where(counted, labels, 0)
    values = surprise(logits, inside)
    factors = counted.astype(jnp.float32)
    if class_weights is not None:
        table = jnp.asarray(class_weights, jnp.float32)
        if table.shape != logits.shape[-1:]:
            raise ValueError(
                f'class_weights have shape {table.shape}, wanted one weight for each '
                f'of {logits.shape[-1]} classes'
            )
        factors = factors * jnp.where(table >= 0, table, jnp.nan)[inside]
    values = values * factors
    if weights is not None:
        if jnp.shape(weights) != labels.shape:
            raise ValueError(
                f'weights have shape {jnp.shape(weights)}, wanted {labels.shape}: one '
                'for each pixel'
            )
        weights = jnp.asarray(weights, jnp.float32)
        values = values * jnp.where((weights >= 0) | ~counted, weights, jnp.nan)
    return per_example(values) / _above_zero(per_example(factors))


def soft_dice(
    logits: Array,
    labels: Array,
    *,
    ignore: int | None = None,
    where: Array | None = None,
) -> Array:
    r"""One minus the soft Dice coefficient, averaged over the classes of an example.

    $D_c = 2 \sum p_c g_c / (\sum p_c^2 + \sum g_c)$ with the probabilities p and the
    truth g in {0, 1}. It weighs a small class as much as a large one. A class that an
    example does not have could score nothing but 0, with a gradient of 0, and is left
    out of its mean.

    Args:
        logits: [batch, height, width, classes], any real numbers.
        labels: integers [batch, height, width] in [0, classes); one out of range that
            counts makes the loss of its example NaN, and the derivative too.
        ignore: the label of pixels that do not count; None counts all.
        where: [batch, height, width] bool, the pixels that count; None counts all.

    Returns:
        [batch] float32 in [0, 1]; 0 for an example of which nothing counts.

    Raises:
        ValueError: if the shapes do not belong together, or the labels are no integers.

    Reference:
        Milletari et al. (2016), V-Net: Fully Convolutional Neural Networks for
        Volumetric Medical Image Segmentation, https://arxiv.org/abs/1606.04797. They
        have one class beside the background and its coefficient alone.

    Example:
        >>> import jax.numpy as jnp
        >>> logits = jnp.log(jnp.array([[[[.5, .5], [.5, .5]]]]))
        >>> f'{soft_dice(logits, jnp.array([[[1, 1]]]))[0]:.4f}'
        '0.2000'
    """
    logits, labels, counted = _checked(logits, labels, ignore, where)
    classes = logits.shape[-1]
    factor = counted[..., None].astype(jnp.float32)
    chance = jax.nn.softmax(logits) * factor
    truth = jax.nn.one_hot(labels, classes, dtype=jnp.float32) * factor

    def total(values: Array) -> Array:
        return values.reshape(values.shape[0], -1, classes).sum(1)

    size = total(truth)
    dice = 2 * total(chance * truth) / _above_zero(total(jnp.square(chance)) + size)
    present = (size > 0).astype(jnp.float32)
    missing = (1.0 - dice) * present
    known = nan_beyond(jnp.where(counted, labels, 0), classes)
    missing = missing * known.reshape(len(known), -1).min(axis=1, keepdims=True)
    return missing.sum(1) / jnp.maximum(present.sum(1), 1.0)


def border_weights(
    instance: Array, objects: int, *, scale: float = 10.0, deviation: float = 5.0
) -> Array:
    r"""Weigh pixels between objects that nearly touch, so that they are kept apart.

    $1 + w_0 \exp(-(d_1 + d_2)^2 / 2 \sigma^2)$ with the distances of a pixel from the
    nearest and the second nearest object, each 0 within the object. The paper adds this
    to weights that balance the classes, here `class_weights`; 1 stands for them.

    Distances are exact: squared ones, first along the columns, then along the rows.

    Args:
        instance: [batch, height, width] integers, which object a pixel is of, counted
            from 1; 0 for the background. Of an image with another number all is NaN.
        objects: how many there can be.
        scale: w₀, at least 0.
        deviation: standard deviation σ, in pixels, above 0.

    Returns:
        [batch, height, width] float32, from 1 to 1 + w₀; 1 where there are not two
        objects.

    Raises:
        ValueError: for a map of another rank or type, or a setting out of range.

    Reference:
        Ronneberger et al. (2015), U-Net: Convolutional Networks for Biomedical Image
        Segmentation, equation 2, https://arxiv.org/abs/1505.04597; w₀ = 10 and σ = 5
        are theirs.

    Example:
        >>> import jax.numpy as jnp
        >>> row = jnp.array([[[1, 0, 2, 0, 0]]])
        >>> print(border_weights(row, 2, scale=1., deviation=1.).round(2)[0, 0])
        [1.14 1.14 1.14 1.   1.  ]
    """
    if instance.ndim != 3 or not jnp.issubdtype(instance.dtype, jnp.integer):
        raise ValueError(
            f'instance is {instance.dtype} of shape {instance.shape}, wanted integers '
            '[batch, height, width]'
        )
    if objects < 1 or scale < 0 or not deviation > 0:
        raise ValueError(
            f'objects={objects}, scale={scale} and deviation={deviation}, wanted at '
            'least 1, at least 0 and more than 0'
        )
    known = nan_beyond(instance, objects + 1).min((1, 2), keepdims=True)
    if objects == 1:
        return jnp.broadcast_to(known, instance.shape)
    number = jnp.arange(1, objects + 1)[None, :, None, None]
    far = jnp.float32(1e9)  # beyond any image, and its exponential is 0
    squares = jnp.where(instance[:, None] == number, 0.0, far)

    def nearest(squares: Array) -> Array:
        """Let every place of the last axis see all others."""
        place = jnp.arange(squares.shape[-1], dtype=jnp.float32)
        gap = jnp.square(place[:, None] - place[None, :])
        return (squares[..., None, :] + gap[None, None, None]).min(-1)

    squares = nearest(nearest(squares).swapaxes(2, 3)).swapaxes(2, 3)
    distances = jnp.sqrt(-jax.lax.top_k(-jnp.moveaxis(squares, 1, -1), 2)[0]).sum(-1)
    weights = 1.0 + scale * jnp.exp(-jnp.square(distances) / (2 * deviation**2))
    return weights * known


def _checked(
    logits: Array, labels: Array, ignore: int | None, where: Array | None
) -> tuple[Array, Array, Array]:
    logits, labels = jnp.asarray(logits, jnp.float32), jnp.asarray(labels)
    integer = jnp.issubdtype(labels.dtype, jnp.integer)
    if logits.ndim < 3 or labels.shape != logits.shape[:-1] or not integer:
        raise ValueError(
            f'labels are {labels.dtype} of shape {labels.shape} and logits have shape '
            f'{logits.shape}, wanted integers [batch, height, width] and [batch, '
            'height, width, classes]: crop or resize one of them'
        )
    counted = jnp.ones(labels.shape, bool) if ignore is None else labels != ignore
    if where is not None:
        if jnp.shape(where) != labels.shape:
            raise ValueError(
                f'where has shape {jnp.shape(where)}, wanted {labels.shape}: one flag '
                'for each pixel'
            )
        counted = counted & jnp.asarray(where).astype(bool)
    # What is not finite and does not count would else spread into the gradient.
    return jnp.where(counted[..., None], logits, 0.0), labels, counted


def _above_zero(values: Array) -> Array:
    return jnp.where(values > 0, values, 1.0)
