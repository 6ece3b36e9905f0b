"""Painting glyphs onto canvases: what each pixel shows is known exactly (U2.8)."""

from typing import NamedTuple

import jax.numpy as jnp

from dljax.data.augment import warp
from dljax.data.images import pad
from dljax.types import Array, Batch

INK = 0.35  # a pixel of a canvas that gets more ink than this from a digit is its own


class Placement(NamedTuple):
    """Where and how digits lie on canvases; later ones lie on top of earlier ones.

    Attributes:
        centre: [batch, digits, 2] of a digit's square, in pixels from the canvas's
            middle: down and to the right.
        side: [batch, digits] of that square, in pixels.
        angle: [batch, digits] in degrees, positive anticlockwise.
        brightness: [batch, digits] of full ink, in [0, 1].
    """

    centre: Array
    side: Array
    angle: Array
    brightness: Array


def paint(
    background: Array, glyphs: Array, classes: Array, placement: Placement
) -> Batch:
    """Paint glyphs onto canvases, and tell what each pixel came from.

    A glyph is turned, magnified and shifted in one bilinear resampling. Its pixels are
    those with more ink than `INK`, in [0, 1]; only they are painted, by as much as
    their ink is between the background and the digit's brightness, so that nothing of
    what lies below shines through. Hence a pixel has the class of the topmost digit
    whose ink it is, without exception, and a digit touches no other pixel.

    Args:
        background: [batch, height, width, 1] in [0, 1].
        glyphs: [batch, digits, side, side, 1] in [0, 1], ink bright.
        classes: [batch, digits] int32, 0 for a place that stays empty.
        placement: of the glyphs.

    Returns:
        'image': [batch, height, width, 1] float32 in [0, 1];
        'label': [batch, height, width] int32, the class of each pixel, 0 for the
        background;
        'instance': [batch, height, width] int32, which digit it is, counted from 1;
        'class': [batch, digits] int32, 0 for an empty place and for a digit that is
        wholly hidden;
        'box': [batch, digits, 4] float32, the visible pixels' first row, first column,
        row after the last and column after the last; zeros for class 0.

    Example:
        >>> square = jnp.ones((1, 1, 2, 2, 1))
        >>> here = Placement(jnp.zeros((1, 1, 2)), jnp.full((1, 1), 2.),
        ...                  jnp.zeros((1, 1)), jnp.ones((1, 1)))
        >>> made = paint(jnp.zeros((1, 4, 4, 1)), square, jnp.array([[7]]), here)
        >>> print(made['label'][0])
        [[0 0 0 0]
         [0 7 7 0]
         [0 7 7 0]
         [0 0 0 0]]
        >>> print(made['box'][0])
        [[1. 1. 3. 3.]]
    """
    batch, digits = classes.shape
    size = background.shape[1:3]
    # Only on a canvas whose sides are even where the glyph's are is its middle theirs.
    odd = tuple((side - glyphs.shape[2]) % 2 for side in size)
    canvas = size[0] + odd[0], size[1] + odd[1]
    ink = warp(
        pad(glyphs.reshape(-1, *glyphs.shape[2:]), canvas),
        placement.angle.ravel(),
        placement.side.ravel() / glyphs.shape[2],
        placement.centre.reshape(-1, 2) - jnp.array([odd]) / 2,
    )[:, : size[0], : size[1]].reshape(batch, digits, *size)
    there = (ink > INK) & (classes > 0)[:, :, None, None]
    number = jnp.arange(1, digits + 1, dtype=jnp.int32)[None, :, None, None]
    instance = jnp.where(there, number, 0).max(1)
    visible = instance[:, None] == number
    ground = background[..., 0]
    painted = (
        ground[:, None]
        + (placement.brightness[:, :, None, None] - ground[:, None]) * ink
    )
    image = jnp.where(visible, painted, 0.0).sum(1)
    image = jnp.where(instance > 0, image, ground)
    classes = jnp.where(visible.any((2, 3)), classes, 0)
    label = jnp.where(visible, classes[:, :, None, None], 0).sum(1)
    return {
        'image': image[..., None],
        'label': label,
        'instance': instance,
        'class': classes,
        'box': _boxes(visible),
    }


def _boxes(visible: Array) -> Array:
    """Bound masks [batch, digits, height, width]; zeros where a mask is empty."""

    def ends(line: Array) -> tuple[Array, Array]:
        first = line.argmax(-1)
        last = line.shape[-1] - line[..., ::-1].argmax(-1)
        return first, jnp.where(line.any(-1), last, 0)

    top, bottom = ends(visible.any(3))
    left, right = ends(visible.any(2))
    return jnp.stack([top, left, bottom, right], -1).astype(jnp.float32)
