"""Bicubic resizing as super-resolution measures it, and what 8 bits hold of it."""

import functools
from typing import overload

import jax
import jax.numpy as jnp
import numpy as np


@overload
def resize_bicubic(images: np.ndarray, size: tuple[int, int]) -> np.ndarray: ...
@overload
def resize_bicubic(images: jax.Array, size: tuple[int, int]) -> jax.Array: ...
def resize_bicubic(
    images: np.ndarray | jax.Array, size: tuple[int, int]
) -> np.ndarray | jax.Array:
    r"""Resize by cubic convolution, with antialiasing where images shrink.

    The kernel is Keys' with a = -1/2. Where a side shrinks to the fraction r of itself,
    it is widened to 1 / r of its width; beyond the edges images are mirrored, the edge
    pixel included. That is the `imresize` of MATLAB, by which the papers made their
    small pictures; `jax.image.resize` leaves out what lies beyond the edges instead.

    Args:
        images: [..., height, width, channel] float, in any range.
        size: new (height, width), in pixels.

    Returns:
        [..., *size, channel], the type of the images; near edges of contrast it leaves
        their range. NumPy for NumPy and JAX for JAX.

    Raises:
        ValueError: for whole-number images, which would be rounded, a missing axis, or
            a size below 1.

    Reference:
        Keys (1981), Cubic Convolution Interpolation for Digital Image Processing,
        https://doi.org/10.1109/TASSP.1981.1163711

    Example:
        >>> import numpy as np
        >>> edge = np.repeat([0.0, 1.0], 4).reshape(1, 8, 1)
        >>> print(resize_bicubic(edge, (1, 4)).ravel().round(3))
        [-0.012  0.066  0.934  1.012]
    """
    if images.ndim < 3 or not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f'images are {images.dtype} of shape {images.shape}, wanted floats '
            '[..., height, width, channel]: add the axis, or convert whole numbers'
        )
    if len(size) != 2 or min(size) < 1:
        raise ValueError(
            f'size is {size}, wanted (height, width), each 1 pixel or more'
        )
    rows, columns = (
        _weights(before, after).astype(images.dtype)
        for before, after in zip(images.shape[-3:-1], size, strict=True)
    )
    if isinstance(images, jax.Array):
        precise = jax.lax.Precision.HIGHEST
        across = jnp.einsum('wv,...hvc->...hwc', columns, images, precision=precise)
        return jnp.einsum('gh,...hwc->...gwc', rows, across, precision=precise)
    # One product of matrices each, which is many times faster than NumPy's einsum.
    across = np.matmul(columns, images)
    flat = across.reshape(*across.shape[:-2], -1)
    return np.matmul(rows, flat).reshape(*images.shape[:-3], *size, images.shape[-1])


def shrink(picture: np.ndarray, scale: int) -> np.ndarray:
    """Make the low-resolution picture that goes with one of 8 bits.

    Bicubic by `resize_bicubic`, rounded to 8 bits again.

    Args:
        picture: [height, width, channel] uint8 whose sides `scale` divides, see
            `cut_to_multiple`.
        scale: by which the sides are divided.

    Returns:
        [height / scale, width / scale, channel] uint8.

    Raises:
        ValueError: for another type, or sides that do not divide.

    Example:
        >>> import numpy as np
        >>> shrink(np.full((8, 12, 3), 7, np.uint8), 4).shape
        (2, 3, 3)
    """
    height, width = _checked(picture, scale).shape[:2]
    if height % scale or width % scale:
        raise ValueError(
            f'the picture is {height} x {width} pixels, wanted multiples of {scale}: '
            'cut_to_multiple() makes them'
        )
    return _resized(picture, (height // scale, width // scale))


def enlarge(picture: np.ndarray, scale: int) -> np.ndarray:
    """Enlarge a picture of 8 bits bicubically, which is what nets are compared with.

    Args:
        picture: [height, width, channel] uint8.
        scale: by which the sides are multiplied.

    Returns:
        [height · scale, width · scale, channel] uint8.

    Raises:
        ValueError: for another type.

    Example:
        >>> import numpy as np
        >>> enlarge(np.full((2, 3, 3), 7, np.uint8), 4).shape
        (8, 12, 3)
    """
    height, width = _checked(picture, scale).shape[:2]
    return _resized(picture, (height * scale, width * scale))


def cut_to_multiple(picture: np.ndarray, scale: int) -> np.ndarray:
    """Cut what is over below and at the right, so that `scale` divides both sides.

    Args:
        picture: [height, width, channel].
        scale: the sides become multiples of it.

    Returns:
        A view of the upper left part.

    Raises:
        ValueError: for a picture that has less than `scale` pixels along a side.

    Example:
        >>> import numpy as np
        >>> cut_to_multiple(np.zeros((321, 481, 3)), 4).shape
        (320, 480, 3)
    """
    height, width = (side - side % scale for side in picture.shape[:2])
    if min(height, width) < 1:
        raise ValueError(
            f'the picture is {picture.shape[0]} x {picture.shape[1]} pixels, wanted at '
            f'least {scale} along each side'
        )
    return picture[:height, :width]


def _checked(picture: np.ndarray, scale: int) -> np.ndarray:
    if picture.ndim != 3 or picture.dtype != np.uint8:
        raise ValueError(
            f'the picture is {picture.dtype} of shape {picture.shape}, wanted uint8 '
            '[height, width, channel]: round it to 8 bits, or take resize_bicubic()'
        )
    if scale < 1:
        raise ValueError(f'scale is {scale}, wanted at least 1')
    return picture


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    values = resize_bicubic(picture.astype(np.float32), size)
    return np.rint(values.clip(0, 255)).astype(np.uint8)


@functools.lru_cache(maxsize=64)
def _weights(before: int, after: int) -> np.ndarray:
    """Tell what each new pixel takes of each old one: [after, before] float64."""
    ratio = after / before
    shrunk = min(ratio, 1.0)
    # In old pixels; the middle of the first one is at 0.
    centre = (np.arange(after)[:, None] + 0.5) / ratio - 0.5
    reach = int(np.ceil(2 / shrunk)) + 1
    place = np.floor(centre).astype(int) + np.arange(-reach, reach + 1)[None, :]
    taken = _cubic((centre - place) * shrunk)
    taken /= taken.sum(1, keepdims=True)
    place %= 2 * before  # mirrored again and again, however narrow the picture is
    place = np.where(place < before, place, 2 * before - 1 - place)
    weights = np.zeros((after, before))
    np.add.at(weights, (np.arange(after)[:, None], place), taken)
    weights.setflags(write=False)
    return weights


def _cubic(distance: np.ndarray) -> np.ndarray:
    x = np.abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
