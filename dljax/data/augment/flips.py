"""Mirror images and quarter turns: pixels change places and keep their values."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from dljax.data.augment.form import (
    Augmentation,
    check_images,
    check_probability,
    of_each,
)
from dljax.types import Array, Key, fold


def flip(
    horizontal: bool = True, vertical: bool = False, probability: float = 0.5
) -> Augmentation:
    """Mirror images, each axis by its own draw.

    Args:
        horizontal: whether left and right may be swapped.
        vertical: whether top and bottom may be swapped.
        probability: of each swap, in [0, 1].

    Returns:
        A pure function `(key, images) -> images`; images:
        [batch, height, width, channel] float.

    Raises:
        ValueError: at construction, for a probability out of range.

    Example:
        >>> images = jnp.arange(2.0).reshape(1, 1, 2, 1)
        >>> print(flip(probability=1.0)(jax.random.key(0), images).ravel())
        [1. 0.]
    """
    check_probability('probability', probability)

    axes = {'horizontal': 2} if horizontal else {}
    axes |= {'vertical': 1} if vertical else {}

    def augment(key: Key, images: Array) -> Array:
        images = check_images(images)
        for name, axis in axes.items():
            swapped = jax.random.bernoulli(
                fold(key, name), probability, images.shape[:1]
            )
            images = _mirrored(images, swapped, axis)
        return images

    return augment


def quarter_turns(turns: Sequence[int] = (0, 1, 2, 3)) -> Augmentation:
    """Turn images by multiples of 90 degrees, exactly.

    With `flip()` after it, all eight symmetries of the square come up.

    Args:
        turns: numbers of quarter turns anticlockwise, as `jnp.rot90`, that are drawn
            from evenly; an odd one needs images as high as wide.

    Returns:
        A pure function `(key, images) -> images`; images:
        [batch, height, width, channel] float.

    Raises:
        ValueError: at construction, for no turn or a broken number of turns; later, for
            images that an odd turn does not fit.

    Example:
        >>> images = jnp.arange(4.0).reshape(1, 2, 2, 1)
        >>> print(quarter_turns([1])(jax.random.key(0), images)[0, :, :, 0])
        [[1. 3.]
         [0. 2.]]
    """
    if not turns or any(turn != int(turn) for turn in turns):
        raise ValueError(
            f'turns is {turns}, wanted one or more whole numbers of quarter turns, as '
            '(0, 1, 2, 3): use rotation() for any other angle'
        )
    among = tuple(int(turn) % 4 for turn in turns)

    def augment(key: Key, images: Array) -> Array:
        images = check_images(images)
        batch, height, width, _ = images.shape
        odd = any(turn % 2 for turn in among)
        if odd and height != width:
            raise ValueError(
                f'images are {height} x {width}, wanted as high as wide for turns of '
                f'{turns}: use quarter_turns((0, 2)), or crop them first'
            )
        drawn = jax.random.randint(fold(key, 'turns'), (batch,), 0, len(among))
        turn = jnp.asarray(among, jnp.int32)[drawn]
        if odd:
            swapped = of_each(turn % 2 == 1, images)
            images = jnp.where(swapped, jnp.swapaxes(images, 1, 2), images)
        images = _mirrored(images, (turn == 1) | (turn == 2), axis=1)
        return _mirrored(images, (turn == 2) | (turn == 3), axis=2)

    return augment


def _mirrored(images: Array, swapped: Array, axis: int) -> Array:
    return jnp.where(of_each(swapped, images), jnp.flip(images, axis), images)
