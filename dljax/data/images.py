"""Images as numbers: range, size, border, middle."""

from typing import overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


@overload
def as_float(images: np.ndarray) -> np.ndarray: ...
@overload
def as_float(images: jax.Array) -> jax.Array: ...
def as_float(images: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
    """Scale whole-number images to [0, 1].

    Args:
        images: any shape; `uint8` (0...255) or `uint16` (0...65535), or floats, which
            must lie in [0, 1] already.

    Returns:
        float32 in [0, 1], NumPy for NumPy and JAX for JAX. The range of a traced float
        is not known and not checked.

    Raises:
        ValueError: for another type, or a float outside [0, 1].
    """
    xp = jnp if isinstance(images, jax.Array) else np
    images = xp.asarray(images)
    dtype = np.dtype(images.dtype)
    if dtype in (np.uint8, np.uint16):
        return images.astype(np.float32) / np.float32(np.iinfo(dtype).max)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            f'images have type {dtype}, wanted uint8, uint16 or floats in [0, 1]: '
            'convert them, and say by that what the largest value is'
        )
    if images.size and not isinstance(images, Tracer):
        low, high = float(images.min()), float(images.max())
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f'images range from {low:g} to {high:g}, wanted floats in [0, 1]: '
                'divide by the largest possible value, or give the uint8 images'
            )
    return images.astype(np.float32)


def resize(images: np.ndarray | jax.Array, size: tuple[int, int]) -> jax.Array:
    """Resize images bilinearly, with antialiasing where they shrink.

    Args:
        images: [..., height, width, channel] float.
        size: new (height, width), in pixels.

    Returns:
        [..., *size, channel], same type and range.

    Raises:
        ValueError: for whole-number images, which would be rounded, or a size below 1.
    """
    images = _checked(images, size)
    shape = (*images.shape[:-3], *size, images.shape[-1])
    return jax.image.resize(images, shape, 'bilinear')


def pad(
    images: np.ndarray | jax.Array, size: tuple[int, int], value: float = 0.0
) -> jax.Array:
    """Put images in the middle of a larger frame; an odd pixel goes below and right.

    Args:
        images: [..., height, width, channel] float.
        size: (height, width) of the frame, in pixels.
        value: what fills the border.

    Returns:
        [..., *size, channel], same type.

    Raises:
        ValueError: if the frame is smaller than the image, or for whole numbers.
    """
    images = _checked(images, size)
    spare = [size[0] - images.shape[-3], size[1] - images.shape[-2]]
    if min(spare) < 0:
        raise ValueError(
            f'frame is {tuple(size)}, wanted at least {images.shape[-3:-1]}, the size '
            'of the images: use resize() to shrink them'
        )
    border = [(s // 2, s - s // 2) for s in spare]
    width = [(0, 0)] * (images.ndim - 3) + border + [(0, 0)]
    return jnp.pad(images, width, constant_values=value)


def crop(images: np.ndarray | jax.Array, size: tuple[int, int]) -> jax.Array:
    """Cut out the middle of images; an odd pixel is cut below and right.

    Args:
        images: [..., height, width, channel] float.
        size: (height, width) of the part, in pixels.

    Returns:
        [..., *size, channel], same type.

    Raises:
        ValueError: if the part is larger than the image, or for whole numbers.
    """
    images = _checked(images, size)
    spare = [images.shape[-3] - size[0], images.shape[-2] - size[1]]
    if min(spare) < 0:
        raise ValueError(
            f'size is {tuple(size)}, wanted at most {images.shape[-3:-1]}, the size of '
            'the images: use padded() to enlarge them'
        )
    top, left = (s // 2 for s in spare)
    return images[..., top : top + size[0], left : left + size[1], :]


def _checked(images: np.ndarray | jax.Array, size: tuple[int, int]) -> jax.Array:
    """Refuse what has no rows, columns and channels, and whole numbers."""
    images = jnp.asarray(images)
    if images.ndim < 3 or not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f'images are {images.dtype} of shape {images.shape}, wanted floats '
            '[..., height, width, channel]: add the axis, or call as_float() first'
        )
    if len(size) != 2 or min(size) < 1:
        raise ValueError(
            f'size is {size}, wanted (height, width), each 1 pixel or more'
        )
    return images
