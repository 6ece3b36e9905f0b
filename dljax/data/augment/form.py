"""What every augmentation is, and what is asked of its images and settings."""

from collections.abc import Callable

import jax.numpy as jnp

from dljax.types import Array, Key

# Pure: (key, [batch, height, width, channel]) -> the same, each example by its draw.
Augmentation = Callable[[Key, Array], Array]


def check_images(images: Array) -> Array:
    """Refuse what is not a batch of images, and whole numbers.

    Args:
        images: [batch, height, width, channel] float.

    Returns:
        The images.

    Raises:
        ValueError: for images that are not float or not of rank 4.
    """
    if images.ndim != 4 or not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f'images are {images.dtype} of shape {images.shape}, wanted floats '
            '[batch, height, width, channel]: add the axis, or call as_float() first'
        )
    return images


def of_each(values: Array, inputs: Array) -> Array:
    """Give a number of each example the axes of the inputs.

    Args:
        values: [batch].
        inputs: [batch, ...].

    Returns:
        [batch, 1, ...], of the rank of the inputs.
    """
    return values.reshape(-1, *[1] * (inputs.ndim - 1))


def check_probability(name: str, value: float) -> None:
    """Refuse a setting that is no probability.

    Args:
        name: of the setting, for the message.
        value: what was given.

    Raises:
        ValueError: for a value outside [0, 1].
    """
    if not 0 <= value <= 1:
        raise ValueError(f'{name} is {value}, wanted a probability in [0, 1]')


def check_span(
    name: str, span: tuple[float, float], most: float = float('inf')
) -> None:
    """Refuse a setting that is no span of positive numbers.

    Args:
        name: of the setting, for the message.
        span: smallest and largest value.
        most: the largest value that makes sense.

    Raises:
        ValueError: unless 0 < smallest <= largest <= most, and all are finite.
    """
    low, high = span
    if not (0 < low <= high <= most and high < float('inf')):
        limit = '' if most == float('inf') else f' <= {most:g}'
        raise ValueError(f'{name} is {span}, wanted 0 < smallest <= largest{limit}')


def check_size(name: str, size: tuple[int, int]) -> None:
    """Refuse a setting that is no size of an image.

    Args:
        name: of the setting, for the message.
        size: (height, width), in pixels.

    Raises:
        ValueError: unless it is two whole numbers above 0.
    """
    if len(size) != 2 or min(size) < 1:
        raise ValueError(
            f'{name} is {size}, wanted (height, width), each 1 pixel or more'
        )
