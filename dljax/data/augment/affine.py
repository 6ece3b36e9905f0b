"""Turning, magnifying and shifting images, and the resampling behind it."""

import math

import jax
import jax.numpy as jnp

from dljax.data.augment.form import Augmentation, check_images, check_span
from dljax.types import Array, Key, fold


def affine(
    rotation: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    translation: float = 0.0,
    fill: float = 0.0,
) -> Augmentation:
    """Random rotation, scaling and translation in one bilinear resampling.

    One resampling blurs once, where three in a row would blur three times. Call the
    result inside the loss or the train step, with a key of that step.

    Args:
        rotation: largest angle, in degrees, in [0, 180]; drawn from
            [-rotation, rotation].
        scale: smallest and largest magnification; above 1 enlarges.
        translation: largest shift along each axis, as a fraction of the image's height
            or width, in [0, 1]; drawn from [-translation, translation].
        fill: value of what comes in from outside the image.

    Returns:
        A pure function `(key, images) -> images` for jit, vmap and scan; images:
        [batch, height, width, channel] float, of any range, which is kept.

    Raises:
        ValueError: at construction, for a setting out of range.

    Example:
        >>> augment = affine(rotation=10, scale=(0.9, 1.1), translation=0.1)
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((4, 8, 8, 1))).shape
        (4, 8, 8, 1)
    """
    low, high = scale
    if not 0 <= rotation <= 180:
        raise ValueError(
            f'rotation is {rotation}, wanted degrees in [0, 180]: it is the largest '
            'angle to either side'
        )
    check_span('scale', scale)
    if not 0 <= translation <= 1:
        raise ValueError(
            f'translation is {translation}, wanted a fraction of the image in [0, 1]: '
            'divide pixels by the image size'
        )

    def augment(key: Key, images: Array) -> Array:
        batch, height, width, _ = check_images(images).shape

        def draw(name: str, shape: tuple[int, ...], a: float, b: float) -> Array:
            return jax.random.uniform(fold(key, name), shape, minval=a, maxval=b)

        angle = draw('rotation', (batch,), -rotation, rotation)
        # Uniform in the logarithm: halving is as likely as doubling.
        factor = jnp.exp(draw('scale', (batch,), math.log(low), math.log(high)))
        shift = draw('translation', (batch, 2), -translation, translation)
        size = jnp.array([[height, width]], shift.dtype)
        return warp(images, angle, factor, shift * size, fill)

    return augment


def rotation(degrees: float, fill: float = 0.0) -> Augmentation:
    """Random rotation by up to so many degrees either way; see `affine`."""
    return affine(rotation=degrees, fill=fill)


def scaling(smallest: float, largest: float, fill: float = 0.0) -> Augmentation:
    """Random magnification between two factors; see `affine`."""
    return affine(scale=(smallest, largest), fill=fill)


def translation(fraction: float, fill: float = 0.0) -> Augmentation:
    """Random shift by up to a fraction of height and width; see `affine`."""
    return affine(translation=fraction, fill=fill)


def warp(
    images: Array,
    angle: Array | float = 0.0,
    scale: Array | float = 1.0,
    shift: Array | float = 0.0,
    fill: float = 0.0,
) -> Array:
    r"""Turn and magnify images about their centre, then shift them: bilinearly, once.

    The value at $p$ is the image's at $c + R(-\theta)(p - t - c) / s$, between pixels
    the mean of the nearest four by distance. Differentiable in everything but `fill`.

    Four gathers of one flat index each were the fastest of five forms measured on two
    CPU cores for 128x32x32: 0.5 ms with one channel and 0.9 ms with three, within a
    scan and mapped over members too (`map_coordinates` 0.5 and 3.8; hat weights as
    matrix products 2 to 90; one gather of stacked neighbours 0.8 and 1.0, slower when
    mapped).

    Args:
        images: [batch, height, width, channel] float.
        angle: [batch] or scalar, in degrees; positive turns anticlockwise, as
            `jnp.rot90`.
        scale: [batch] or scalar, above 0; above 1 enlarges.
        shift: [batch, 2] or scalar, in pixels: down and to the right.
        fill: value outside the image.

    Returns:
        [batch, height, width, channel], same type.

    Raises:
        ValueError: for images that are not float or not of rank 4.
    """
    images = check_images(images)
    batch, height, width, _ = images.shape
    angle, scale = (
        jnp.broadcast_to(jnp.asarray(a, jnp.float32), (batch,))[:, None, None]
        for a in (angle, scale)
    )
    shift = jnp.broadcast_to(jnp.asarray(shift, jnp.float32), (batch, 2))
    cosine, sine = jnp.cos(jnp.deg2rad(angle)), jnp.sin(jnp.deg2rad(angle))
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    y = jnp.arange(height, dtype=jnp.float32)[None, :] - middle_y - shift[:, :1]
    x = jnp.arange(width, dtype=jnp.float32)[None, :] - middle_x - shift[:, 1:]
    y, x = y[:, :, None], x[:, None, :]
    from_y = (cosine * y + sine * x) / scale + middle_y
    from_x = (cosine * x - sine * y) / scale + middle_x
    return sample_bilinearly(images, from_y, from_x, fill)


def sample_bilinearly(images: Array, y: Array, x: Array, fill: float = 0.0) -> Array:
    """Read images between their pixels: bilinearly, from the nearest four.

    Args:
        images: [batch, height, width, channel] float.
        y: [batch, rows, columns] float, places in pixels down from the first row.
        x: [batch, rows, columns] float, likewise to the right of the first column.
        fill: value from one pixel outside the image on.

    Returns:
        [batch, rows, columns, channel], same type.
    """
    batch, height, width, channels = images.shape
    # A frame one pixel wide stands for everything outside: what lies farther out is
    # moved onto it, so that no index leaves the array and no mask is needed.
    frame = ((0, 0), (1, 1), (1, 1), (0, 0))
    padded = jnp.pad(images, frame, constant_values=fill)
    flat, row = padded.reshape(batch, -1, channels), width + 2
    y, x = jnp.clip(y, -1, height) + 1, jnp.clip(x, -1, width) + 1
    top = jnp.minimum(jnp.floor(y), height)
    left = jnp.minimum(jnp.floor(x), width)
    down = (y - top)[..., None].astype(images.dtype)
    right = (x - left)[..., None].astype(images.dtype)
    corner = (top * row + left).astype(jnp.int32).reshape(batch, -1, 1)

    def neighbour(offset: int) -> Array:
        values = jnp.take_along_axis(
            flat, corner + offset, axis=1, mode='promise_in_bounds'
        )
        return values.reshape(*y.shape, channels)

    above = (1 - right) * neighbour(0) + right * neighbour(1)
    below = (1 - right) * neighbour(row) + right * neighbour(row + 1)
    return (1 - down) * above + down * below
