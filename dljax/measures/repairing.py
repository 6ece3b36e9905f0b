"""How good repaired pictures are, beside damaged ones and what others make of them.

As `measures.restoration`, but of pictures that are real numbers, such as noisy ones,
and that keep their size.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax import metrics
from dljax.experiment import Measure, Outcome, once
from dljax.measures.restoration import WINDOW, in_parts, least_multiple, whole
from dljax.measures.segmentation import each_member
from dljax.types import Array


class Damaged(NamedTuple):
    """A picture, and what a net sees of it.

    Attributes:
        seen: [height, width, features] float32, what the net is given.
        truth: [height, width, channel] float32 in [0, 1].
        shown: [height, width, channel] float32, the damaged picture as one looks at it.
    """

    seen: np.ndarray
    truth: np.ndarray
    shown: np.ndarray


# [height, width, channel] float32 in [0, 1] by member, from an outcome.
Repaired = Callable[[Outcome], list[list[np.ndarray]]]
Repair = Callable[[nn.Module, Array], Array]
# What makes a picture of a damaged one without having learned.
Method = Callable[[Damaged], np.ndarray]


def repaired(
    pictures: Sequence[Damaged], repair: Repair = whole, *, multiple: int = 1
) -> Repaired:
    """Let a net repair whole pictures of any size.

    Larger ones than 192 pixels a side go through the net in parts that overlap, as in
    `measures.restoration.restored`, and sides are mirrored as there.

    Args:
        pictures: what to repair.
        repair: `(net, [1, height, width, features]) -> [1, height, width, channel]`.
        multiple: that the net wants the sides of all it sees to be of: 2 to the number
            of its poolings.

    Returns:
        `(outcome) -> [member][picture]`, cut off at 0 and 1. It remembers the last
        outcome, for all that is drawn and measured of it.
    """
    sides = [p.seen.shape[:2] for p in pictures]
    multiple = math.lcm(multiple, least_multiple(sides))

    def compute(outcome: Outcome) -> list[list[np.ndarray]]:
        return [
            [
                in_parts(one, repair, p.seen, multiple=multiple).clip(0, 1)
                for p in pictures
            ]
            for one in each_member(outcome)
        ]

    return once(compute)


def repair_quality(
    pictures: Sequence[Damaged],
    made: Mapping[str, Repaired],
    methods: Mapping[str, Method] | None = None,
) -> Measure:
    """Measure repaired pictures beside damaged ones.

    Args:
        pictures: the true and the damaged ones.
        made: of `repaired`, by name.
        methods: others that have not learned, by name.

    Returns:
        The measure: 'NAME/psnr' in dB and 'NAME/ssim', means over the pictures of all
        channels, [members] of nets; and those of the 'damaged' pictures.
    """
    plain: dict[str, float] = {}

    def judge(found: Sequence[np.ndarray]) -> dict[str, float]:
        rows = [
            likeness(picture, damaged.truth)
            for picture, damaged in zip(found, pictures, strict=True)
        ]
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    def measure(outcome: Outcome) -> dict[str, Any]:
        if not plain:  # the same for all outcomes
            others = {'damaged': lambda damaged: damaged.shown, **(methods or {})}
            for name, method in others.items():
                values = judge([method(picture) for picture in pictures])
                plain.update({f'{name}/{key}': value for key, value in values.items()})
        found: dict[str, Any] = {}
        for name, repairs in made.items():
            members = [judge(those) for those in repairs(outcome)]
            for key in members[0]:
                found[f'{name}/{key}'] = np.array([member[key] for member in members])
        return found | plain

    return measure


def likeness(picture: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Compare two pictures.

    Args:
        picture: [height, width, channel] float, 1 from black to white.
        truth: the true one, of the shape of `picture`.

    Returns:
        'psnr' in dB of all channels, and 'ssim', NaN of pictures of less than 11
        pixels a side.
    """
    psnr, ssim = _compared(jnp.float32(picture)[None], jnp.float32(truth)[None])
    return {'psnr': float(psnr), 'ssim': float(ssim)}


@jax.jit
def _compared(picture: Array, truth: Array) -> tuple[Array, Array]:
    """Compute PSNR and SSIM; compiled for each size."""
    ssim = jnp.full(1, jnp.nan)
    if min(truth.shape[1:3]) >= WINDOW:
        ssim = metrics.ssim(picture, truth)
    return metrics.psnr(picture, truth)[0], ssim[0]


def with_noise(
    pictures: Sequence[np.ndarray], deviation: float, seed: int = 0
) -> list[Damaged]:
    """Add normal noise to pictures, neither cut off nor rounded, as papers do.

    Args:
        pictures: [height, width, channel] float32 in [0, 1].
        deviation: of the noise, in the same unit.
        seed: of the noise; each picture has its own.

    Returns:
        The pictures with and without it.
    """
    found = []
    for number, picture in enumerate(pictures):
        random = np.random.default_rng((seed, number))
        noise = random.standard_normal(picture.shape, np.float32)
        noisy = picture + np.float32(deviation) * noise
        found.append(Damaged(noisy, picture, noisy))
    return found
