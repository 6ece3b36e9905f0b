"""Random rectangles inside an image, of a random area and aspect ratio."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dljax.types import Array, Key, fold

TRIES = 10


class Box(NamedTuple):
    """A rectangle of each example, in pixels and parts of them.

    Attributes:
        top: [batch] float32, of its upper edge; 0 is that of the image.
        left: [batch] float32, of its left edge.
        height: [batch] float32.
        width: [batch] float32.
    """

    top: Array
    left: Array
    height: Array
    width: Array


def draw_box(
    key: Key,
    batch: int,
    size: tuple[int, int],
    area: tuple[float, float],
    aspect: tuple[float, float],
) -> tuple[Box, Array]:
    """Draw rectangles that lie inside the image, each place as likely as another.

    The area is uniform, the aspect ratio uniform in its logarithm. Of ten drawn, an
    example takes the first that is neither higher nor wider than the image.

    Args:
        key: of this draw.
        batch: number of examples.
        size: (height, width) of the image.
        area: smallest and largest, as a fraction of the image's.
        aspect: smallest and largest ratio of width to height.

    Returns:
        The boxes, and whether one of the ten fitted: [batch] bool. Where none did, the
        box is the largest in the middle of the image whose ratio is allowed.
    """
    height, width = size

    def draw(name: str, low: float, high: float, shape: tuple[int, ...]) -> Array:
        return jax.random.uniform(fold(key, name), shape, minval=low, maxval=high)

    tries = (batch, TRIES)
    pixels = draw('area', *area, tries) * (height * width)
    low, high = map(math.log, aspect)
    ratio = jnp.exp(draw('aspect', low, high, tries))
    tall, wide = jnp.sqrt(pixels / ratio), jnp.sqrt(pixels * ratio)
    fits = (tall <= height) & (wide <= width)
    first = jnp.argmax(fits, axis=1)[:, None]
    found = fits.any(axis=1)
    middle = min(max(width / height, aspect[0]), aspect[1])
    tall = jnp.where(
        found,
        jnp.take_along_axis(tall, first, axis=1)[:, 0],
        min(height, width / middle),
    )
    wide = jnp.where(
        found,
        jnp.take_along_axis(wide, first, axis=1)[:, 0],
        min(width, height * middle),
    )
    along = {
        name: jnp.where(found, draw(name, 0.0, 1.0, (batch,)), 0.5)
        for name in ('top', 'left')
    }
    box = Box(
        along['top'] * (height - tall), along['left'] * (width - wide), tall, wide
    )
    return box, found


def inside(first: Array, length: Array, pixels: int) -> Array:
    """Mark the pixels along one axis whose centre lies in a span.

    Args:
        first: [batch] float, where the span begins; 0 is the edge of the image.
        length: [batch] float, of the span.
        pixels: along the axis.

    Returns:
        [batch, pixels] bool.
    """
    centre = jnp.arange(pixels, dtype=jnp.float32)[None, :] + 0.5
    first = first[:, None]
    return (centre >= first) & (centre < first + length[:, None])


def mark(box: Box, size: tuple[int, int]) -> Array:
    """Mark the pixels whose centre lies in a box.

    Args:
        box: of each example.
        size: (height, width) of the image.

    Returns:
        [batch, height, width, 1] bool.
    """
    rows = inside(box.top, box.height, size[0])
    columns = inside(box.left, box.width, size[1])
    return (rows[:, :, None] & columns[:, None, :])[..., None]
