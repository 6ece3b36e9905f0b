"""Parts of images taken away, so that a net must look at all of it."""

import jax
import jax.numpy as jnp

from dljax.data.augment.boxes import Box, draw_box, mark
from dljax.data.augment.form import (
    Augmentation,
    check_images,
    check_probability,
    check_span,
    of_each,
)
from dljax.types import Array, Key, fold


def cutout(size: int, holes: int = 1, fill: float = 0.0) -> Augmentation:
    """Cover squares whose centre is any pixel, so that they may reach outside.

    Args:
        size: side of a square, in pixels, at least 0.
        holes: squares in each image, at least 1; they may overlap.
        fill: value of what is covered. The paper covers with 0 after normalisation,
            which is the mean of the data.

    Returns:
        A pure function `(key, images) -> images`; images:
        [batch, height, width, channel] float.

    Raises:
        ValueError: at construction, for a setting out of range.

    Reference:
        DeVries, Taylor (2017), Improved Regularization of Convolutional Neural Networks
        with Cutout, https://arxiv.org/abs/1708.04552

    Example:
        >>> augment = cutout(16)
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((2, 32, 32, 3))).shape
        (2, 32, 32, 3)
    """
    if size != int(size) or size < 0 or holes < 1:
        raise ValueError(
            f'size is {size} and holes is {holes}, wanted a side of 0 whole pixels or '
            'more and 1 hole or more'
        )

    def augment(key: Key, images: Array) -> Array:
        batch, height, width, _ = check_images(images).shape
        side = jnp.full((batch,), size, jnp.float32)
        for hole in range(holes):
            top, left = (
                jax.random.randint(fold(key, name, hole), (batch,), 0, pixels)
                - size // 2
                for name, pixels in (('row', height), ('column', width))
            )
            box = Box(top, left, side, side)
            images = jnp.where(
                mark(box, (height, width)), jnp.asarray(fill, images.dtype), images
            )
        return images

    return augment


def random_erasing(
    probability: float = 0.5,
    area: tuple[float, float] = (0.02, 0.4),
    aspect: tuple[float, float] = (0.3, 1 / 0.3),
    fill: float | None = None,
) -> Augmentation:
    """Cover a rectangle inside some of the images.

    Args:
        probability: that an image is covered at all, in [0, 1].
        area: smallest and largest, as a fraction of the image's area; uniform.
        aspect: smallest and largest ratio of width to height; uniform in its logarithm.
        fill: value of what is covered; `None` is noise, uniform in [0, 1), for every
            number its own.

    Returns:
        A pure function `(key, images) -> images`; images:
        [batch, height, width, channel] float. Where ten draws do not fit into the
        image, nothing is covered.

    Raises:
        ValueError: at construction, for a setting out of range.

    Reference:
        Zhong et al. (2020), Random Erasing Data Augmentation,
        https://arxiv.org/abs/1708.04896

    Example:
        >>> augment = random_erasing(1.0)
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((2, 32, 32, 3))).shape
        (2, 32, 32, 3)
    """
    check_probability('probability', probability)
    check_span('area', area, 1.0)
    check_span('aspect', aspect)

    def augment(key: Key, images: Array) -> Array:
        batch, height, width, _ = check_images(images).shape
        box, found = draw_box(key, batch, (height, width), area, aspect)
        struck = jax.random.bernoulli(fold(key, 'erased'), probability, (batch,))
        covered = mark(box, (height, width)) & of_each(struck & found, images)
        if fill is None:
            cover = jax.random.uniform(fold(key, 'fill'), images.shape, images.dtype)
        else:
            cover = jnp.asarray(fill, images.dtype)
        return jnp.where(covered, cover, images)

    return augment
