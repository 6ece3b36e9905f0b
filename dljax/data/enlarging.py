"""Pairs of small and large pictures, and random patches of them on the device."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.augment import flip, quarter_turns
from dljax.data.bicubic import cut_to_multiple, shrink
from dljax.data.images import as_float
from dljax.types import Array, Batch, Draw, HostBatch, Key, fold


class PicturePair(NamedTuple):
    """A picture, and what is left of it at low resolution.

    Attributes:
        low: [height, width, channel] uint8.
        high: [height · scale, width · scale, channel] uint8.
    """

    low: np.ndarray
    high: np.ndarray


def picture_pairs(pictures: Sequence[np.ndarray], scale: int) -> list[PicturePair]:
    """Make the small picture that goes with each one.

    The sides are cut to multiples of the scale; the small picture is made by bicubic
    interpolation with antialiasing, and rounded to 8 bits.

    Args:
        pictures: [height, width, channel] uint8 each.
        scale: of the large to the small one.

    Returns:
        The pairs.

    Raises:
        ValueError: for another type, or a picture that is too small.

    Example:
        >>> (pair,) = picture_pairs([np.zeros((9, 15, 3), np.uint8)], 4)
        >>> pair.low.shape, pair.high.shape
        ((2, 3, 3), (8, 12, 3))
    """
    cut = [cut_to_multiple(picture, scale) for picture in pictures]
    return [PicturePair(shrink(picture, scale), picture) for picture in cut]


def random_patches(
    pairs: Sequence[PicturePair], size: int, *, turned: bool = True
) -> Draw:
    """Draw square patches of small pictures with those of the large ones they are of.

    Each place of each picture is as likely as any other. All pictures are put on the
    device once, as bytes.

    Args:
        pairs: of one scale and number of channels.
        size: of a patch of the small picture, in pixels.
        turned: whether patches are mirrored and turned by quarters, both alike.

    Returns:
        `(key, examples) -> {'image': [examples, size, size, channel], 'target':
        [examples, size · scale, size · scale, channel]}` float32 in [0, 1], for
        `data.procedural`.

    Raises:
        ValueError: without pictures, for pairs of several scales, or pictures that are
            smaller than a patch.

    Example:
        >>> high = np.zeros((16, 24, 3), np.uint8)
        >>> draw = random_patches(picture_pairs([high], 4), size=3)
        >>> {name: a.shape for name, a in draw(jax.random.key(0), 2).items()}
        {'image': (2, 3, 3, 3), 'target': (2, 12, 12, 3)}
    """
    scale = _check(pairs, size)
    sides = np.array([pair.low.shape[:2] for pair in pairs], np.int32)
    places = (sides - size + 1).astype(np.int64)
    ends = np.cumsum(places.prod(1))
    areas = np.cumsum([0, *sides.astype(np.int64).prod(1)])
    if ends[-1] >= 2**31 or areas[-1] * scale**2 >= 2**31:
        raise ValueError(
            f'the pictures have {areas[-1] * scale**2:,} pixels, wanted less than '
            f'{2**31:,}: take fewer of them'
        )
    low = jnp.asarray(np.concatenate([_flat(pair.low) for pair in pairs]))
    high = jnp.asarray(np.concatenate([_flat(pair.high) for pair in pairs]))
    begins = jnp.asarray(np.array([0, *ends[:-1]], np.int32))
    upto = jnp.asarray(ends.astype(np.int32))
    starts, widths = jnp.asarray(areas[:-1].astype(np.int32)), jnp.asarray(sides[:, 1])
    across = jnp.asarray(places[:, 1].astype(np.int32))
    mirror, turn = flip(), quarter_turns()

    def draw(key: Key, examples: int) -> Batch:
        place = jax.random.randint(fold(key, 'place'), (examples,), 0, int(ends[-1]))
        which = jnp.searchsorted(upto, place, side='right')
        row, column = jnp.divmod(place - begins[which], across[which])
        start, width = starts[which], widths[which]
        batch = {
            'image': _cut(low, start, width, row, column, size),
            'target': _cut(
                high,
                start * scale**2,
                width * scale,
                row * scale,
                column * scale,
                size * scale,
            ),
        }
        if turned:  # by the same key, hence alike
            key = fold(key, 'turned')
            batch = {name: turn(key, mirror(key, a)) for name, a in batch.items()}
        return batch

    return draw


def middle_patches(
    pairs: Sequence[PicturePair], size: int, most: int = 64
) -> HostBatch:
    """Cut the middle out of each picture, as a set to score along a training.

    Args:
        pairs: of one scale and number of channels.
        size: of a patch of the small picture, in pixels.
        most: patches; of more pictures some are taken, evenly.

    Returns:
        'image' [patch, size, size, channel] and 'target' [patch, size · scale, size ·
        scale, channel], float32 in [0, 1].

    Raises:
        ValueError: as `random_patches`.

    Example:
        >>> high = np.zeros((16, 24, 3), np.uint8)
        >>> middle_patches(picture_pairs([high], 4), 3)['target'].shape
        (1, 12, 12, 3)
    """
    scale = _check(pairs, size)
    chosen = np.linspace(0, len(pairs) - 1, min(most, len(pairs))).astype(int)
    low, high = [], []
    for pair in (pairs[n] for n in chosen):
        top, left = ((side - size) // 2 for side in pair.low.shape[:2])
        low.append(pair.low[top : top + size, left : left + size])
        top, left, side = top * scale, left * scale, size * scale
        high.append(pair.high[top : top + side, left : left + side])
    return {'image': as_float(np.stack(low)), 'target': as_float(np.stack(high))}


def _check(pairs: Sequence[PicturePair], size: int) -> int:
    """Refuse what no patches can be cut from; give the scale."""
    if not pairs or size < 1:
        raise ValueError(
            f'there are {len(pairs)} pictures and size is {size}, wanted at least 1 '
            'of each'
        )
    forms = {
        (high.shape[0] / low.shape[0], high.shape[1] / low.shape[1], low.shape[2])
        for low, high in pairs
    }
    if len(forms) > 1 or len({*next(iter(forms))[:2]}) > 1:
        raise ValueError(
            f'pairs have (scale, scale, channels) of {sorted(forms)}, wanted one scale '
            'and one number of channels'
        )
    least = min(min(pair.low.shape[:2]) for pair in pairs)
    if least < size:
        raise ValueError(
            f'size is {size}, but the smallest picture has {least} pixels along a side '
            'at low resolution: take a smaller size, or leave out small pictures'
        )
    return round(next(iter(forms))[0])


def _flat(picture: np.ndarray) -> np.ndarray:
    return picture.reshape(-1, picture.shape[-1])


def _cut(
    flat: Array, start: Array, width: Array, row: Array, column: Array, size: int
) -> Array:
    """Gather patches [examples, size, size, channel] from pictures end to end."""
    steps = jnp.arange(size, dtype=jnp.int32)
    rows = (row[:, None] + steps[None, :]) * width[:, None] + start[:, None]
    columns = column[:, None] + steps[None, :]
    place = rows[:, :, None] + columns[:, None, :]
    return as_float(flat.at[place].get(mode='promise_in_bounds'))
