"""How good restored pictures are: whole ones, of any size, for all members."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax import metrics
from dljax.data import PicturePair, as_float, enlarge
from dljax.experiment import Measure, Outcome, once
from dljax.measures.segmentation import each_member
from dljax.types import Array

LARGEST = 192  # pixels of a side at low resolution that a net is given at once
HALO = 24  # pixels around a part of a larger picture that the net sees besides
WINDOW = 11  # pixels of a side that SSIM needs
MOST_FORMS = 6  # sizes for which a net is compiled

# (net, [1, height, width, channel]) -> a larger or better picture of that form.
Restore = Callable[[Any, Array], Array]
# uint8 pictures by member, from an outcome.
Pictures = Callable[[Outcome], list[list[np.ndarray]]]


def whole(net: nn.Module, image: Array) -> Array:
    """Call a net on pictures in evaluation mode.

    Args:
        net: bound.
        image: [batch, height, width, channel] in [0, 1].

    Returns:
        [batch, height · s, width · s, channel].
    """
    return net(image, train=False)


def restored(pairs: Sequence[PicturePair], restore: Restore = whole) -> Pictures:
    """Let a net restore whole pictures of any size.

    A picture of up to 192 pixels a side goes through the net as it is; larger ones in
    parts that overlap by 24 pixels at either side, whose middles are put together.
    Where pictures have more than six sizes, they are mirrored at their lower and right
    edges up to the next multiple of 8, 16 or 32 pixels, so that the net is compiled for
    few.

    Args:
        pairs: what to restore, and how large the result is.
        restore: `(net, [1, height, width, channel]) -> [1, height · s, width · s,
            channel]` in [0, 1].

    Returns:
        `(outcome) -> [member][picture]` uint8 of the sizes of the true ones. It
        remembers the last outcome, for all that is drawn and measured of it.
    """
    lows = [as_float(pair.low) for pair in pairs]
    multiple = least_multiple([low.shape[:2] for low in lows])

    def compute(outcome: Outcome) -> list[list[np.ndarray]]:
        return [
            [to_8_bits(in_parts(one, restore, low, multiple=multiple)) for low in lows]
            for one in each_member(outcome)
        ]

    return once(compute)


def to_8_bits(picture: np.ndarray) -> np.ndarray:
    """Round a picture to 8 bits, cut off at 0 and 1.

    Args:
        picture: [height, width, channel] float, 1 from black to white.

    Returns:
        The same, uint8.
    """
    return np.rint(255 * picture.clip(0, 1)).astype(np.uint8)


def picture_quality(
    pairs: Sequence[PicturePair], made: Mapping[str, Pictures], scale: int
) -> Measure:
    """Measure restored pictures beside bicubic ones, as super-resolution reports it.

    Of the brightness Y, without as many pixels along the edges as the scale, of
    pictures rounded to 8 bits; means over the pictures.

    Args:
        pairs: the true pictures, and the small ones that bicubic interpolation gets.
        made: of `restored`, by name; names stand before the metrics unless there is
            but one.
        scale: of the large to the small pictures.

    Returns:
        The measure: 'psnr' in dB, 'ssim', and 'detail', the power at frequencies that
        the small picture does not hold in dB above that of the true one; the same with
        'bicubic_' before it. [members] each, but of the bicubic ones.
    """

    def judge(pictures: Sequence[np.ndarray]) -> dict[str, float]:
        rows = [
            quality(picture, pair.high, scale)
            for picture, pair in zip(pictures, pairs, strict=True)
        ]
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    plain: dict[str, float] = {}

    def measure(outcome: Outcome) -> dict[str, Any]:
        if not plain:  # the same for all outcomes
            small = judge([enlarge(pair.low, scale) for pair in pairs])
            plain.update({f'bicubic_{name}': value for name, value in small.items()})
        found: dict[str, Any] = {}
        for name, pictures in made.items():
            before = f'{name}_' if len(made) > 1 else ''
            members = [judge(those) for those in pictures(outcome)]
            for metric in members[0]:
                values = np.array([member[metric] for member in members])
                found[before + metric] = values if len(values) > 1 else float(values[0])
        return found | plain

    return measure


def quality(picture: np.ndarray, truth: np.ndarray, scale: int) -> dict[str, float]:
    """Measure one picture: 'psnr', 'ssim' and 'detail' of its brightness.

    Args:
        picture: [height, width, channel] uint8.
        truth: the true one, of the shape of `picture`.
        scale: pixels that are left out along each edge.

    Returns:
        PSNR in dB; SSIM, NaN of pictures smaller than its window; the detail in dB.
    """
    made, true = (jnp.asarray(as_float(values)[None]) for values in (picture, truth))
    psnr, ssim, *fine = _compared(made, true, scale)
    return {
        'psnr': float(psnr),
        'ssim': float(ssim),
        'detail': metrics.detail_ratio(*map(np.asarray, fine), above=1 / (2 * scale)),
    }


@functools.partial(jax.jit, static_argnames='border')
def _compared(made: Array, true: Array, border: int) -> tuple[Array, ...]:
    """Compute PSNR, SSIM and the brightness of both; compiled for each size."""
    inside = min(true.shape[1:3]) - 2 * border
    ssim = jnp.full(1, jnp.nan)
    if inside >= WINDOW:
        ssim = metrics.ssim_luma(made, true, border=border)
    bright = (metrics.luma(values)[0, ..., 0] for values in (made, true))
    return metrics.psnr_luma(made, true, border=border)[0], ssim[0], *bright


def least_multiple(sides: Sequence[tuple[int, ...]]) -> int:
    """Choose the least multiple of pixels by which parts have few forms.

    Args:
        sides: (height, width) of each picture.

    Returns:
        1, 8, 16 or 32, up to which sides are to be filled.
    """
    for multiple in (1, 8, 16):
        forms = {
            tuple(
                _extent(-(-side // multiple) * multiple, multiple)[0] for side in form
            )
            for form in sides
        }
        if len(forms) <= MOST_FORMS:
            return multiple
    return 32


def in_parts(
    outcome: Outcome, restore: Restore, image: np.ndarray, *, multiple: int = 1
) -> np.ndarray:
    """Let a net see a picture of any size, a large one in parts that overlap.

    Args:
        outcome: whose net it is.
        restore: `(net, [1, height, width, features]) -> [1, height · s, width · s,
            channel]`.
        image: [height, width, features] float.
        multiple: of pixels that the sides of all that the net sees are of: those of the
            picture are mirrored up to it at the lower and right edges.

    Returns:
        [height · s, width · s, channel] float32.
    """
    height, width = image.shape[:2]
    more = [-side % multiple for side in (height, width)]
    wide = np.pad(image, ((0, more[0]), (0, more[1]), (0, 0)), mode='symmetric')
    (tall, downward), (broad, across) = (
        _extent(side, multiple) for side in wide.shape[:2]
    )
    rows = []
    for top, first, last in downward:
        row = []
        for left, begin, end in across:
            part = wide[None, top : top + tall, left : left + broad]
            made = np.asarray(outcome.apply(restore, part), np.float32)[0]
            s = len(made) // tall
            kept = slice((first - top) * s, (last - top) * s)
            row.append(made[kept, (begin - left) * s : (end - left) * s])
        rows.append(np.concatenate(row, axis=1))
    whole_one = np.concatenate(rows)
    scale = len(whole_one) // len(wide)
    return whole_one[: height * scale, : width * scale]


def _extent(side: int, multiple: int) -> tuple[int, list[tuple[int, int, int]]]:
    """Part a side, a multiple of `multiple`, into parts that are such as well.

    The length of a part, and (begin, first, last) of each: of the part that begins
    there, the pixels from first to last are kept.
    """
    if side <= LARGEST:
        return side, [(0, 0, side)]
    count = -(-side // (LARGEST - 2 * HALO))
    core = -(-side // count)
    length = -(-(core + 2 * HALO) // multiple) * multiple
    parts = []
    for first in range(0, side, core):
        begin = min(max(first - HALO, 0), side - length)
        parts.append((begin, first, min(first + core, side)))
    return length, parts
