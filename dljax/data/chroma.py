"""Colour pictures as brightness and chroma, and back (U5.4)."""

import jax.numpy as jnp

from dljax.types import Array, Batch, Draw, Key

# Of BT.601 over the full range, as JPEG has it: Y, Cb, Cr of red, green and blue.
_FORWARD = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


def part_colours(images: Array) -> tuple[Array, Array]:
    """Part pictures into brightness and chroma, YCbCr of the full range.

    Args:
        images: [..., 3] in [0, 1], red, green and blue.

    Returns:
        The brightness [..., 1] in [0, 1], and the chroma [..., 2] in [0, 1], of which
        grey is 0.5.

    Raises:
        ValueError: for another number of channels.

    Reference:
        ITU-T (2011), Recommendation T.871, https://www.itu.int/rec/T-REC-T.871

    Example:
        >>> import jax.numpy as jnp
        >>> bright, chroma = part_colours(jnp.array([[1., 1., 1.], [0., 0., 1.]]))
        >>> [[f'{x:.3f}' for x in row] for row in (bright[:, 0], chroma[1])]
        [['1.000', '0.114'], ['1.000', '0.419']]
    """
    if images.shape[-1:] != (3,):
        raise ValueError(
            f'images have shape {images.shape}, wanted red, green and blue as the last '
            'axis'
        )
    images = jnp.asarray(images, jnp.float32)
    parts = jnp.einsum(
        '...c,kc->...k', images, jnp.array(_FORWARD), precision='highest'
    )
    return parts[..., :1], parts[..., 1:] + 0.5


def join_colours(bright: Array, chroma: Array) -> Array:
    """Make colour pictures of brightness and chroma.

    Args:
        bright: [..., 1] in [0, 1].
        chroma: [..., 2] in [0, 1].

    Returns:
        [..., 3] red, green and blue, cut off at 0 and 1: not all chroma goes with all
        brightness.

    Reference:
        ITU-T (2011), Recommendation T.871, https://www.itu.int/rec/T-REC-T.871

    Example:
        >>> import jax.numpy as jnp
        >>> rgb = jnp.array([[0.2, 0.5, 0.9]])
        >>> [f'{x:.3f}' for x in join_colours(*part_colours(rgb))[0]]
        ['0.200', '0.500', '0.900']
    """
    parts = jnp.concatenate([bright, chroma - 0.5], axis=-1)
    backward = jnp.linalg.inv(jnp.array(_FORWARD))
    colours = jnp.einsum('...c,kc->...k', parts, backward, precision='highest')
    return colours.clip(0.0, 1.0)


def without_colours(draw: Draw) -> Draw:
    """Let a net see the brightness of pictures, and learn their chroma.

    Args:
        draw: `(key, examples) -> {'image': [examples, height, width, 3] in [0, 1]}`,
            such as `data.random_patches`.

    Returns:
        `(key, examples) -> {'image': brightness, 'target': chroma}`, for
        `data.procedural`.
    """

    def parted(key: Key, examples: int) -> Batch:
        bright, chroma = part_colours(draw(key, examples)['image'])
        # Of pure colours rounding may lead out by a little.
        return {'image': bright, 'target': chroma.clip(0.0, 1.0)}

    return parted
