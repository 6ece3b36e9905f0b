"""Convolutions in blocks of places are convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.kernels.convolve_blocked import convolve_blocked
from dljax.types import Array


def plain(maps: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(
        maps, kernel, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
    )


@pytest.mark.parametrize(
    ('block', 'window', 'sides'),
    [
        (4, (9, 9), (8, 12)),
        (2, (3, 5), (4, 6)),
        (3, (1, 7), (9, 6)),
        (1, (3, 3), (5, 7)),
    ],
)
def test_blocks_change_neither_the_maps_nor_the_gradients(
    block: int, window: tuple[int, int], sides: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    maps = jnp.asarray(rng.normal(size=(2, *sides, 5)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(*window, 5, 3)), jnp.float32)
    weight = jnp.asarray(rng.normal(size=(2, *sides, 3)), jnp.float32)
    blocked = convolve_blocked(block)

    @jax.jit
    def both(maps: Array, kernel: Array) -> tuple:
        made = [
            jax.vjp(call, maps, kernel)
            for call in (lambda x, w: blocked(x, w, (1, 1), 'SAME'), plain)
        ]
        return [(y, *back(weight)) for y, back in made]

    ours, theirs = both(maps, kernel)
    for mine, wanted in zip(ours, theirs, strict=True):
        error = np.abs(mine - wanted).max() / np.abs(wanted).max()
        assert error < 1e-5


@pytest.mark.parametrize(
    ('shape', 'kernel', 'strides', 'padding'),
    [
        ((1, 6, 8, 1), (3, 3, 1, 1), (1, 1), 'SAME'),
        ((1, 8, 8, 1), (4, 3, 1, 1), (1, 1), 'SAME'),
        ((1, 8, 8, 1), (3, 3, 1, 1), (2, 1), 'SAME'),
        ((1, 8, 8, 1), (3, 3, 1, 1), (1, 1), 'VALID'),
    ],
)
def test_what_blocks_cannot_do_is_refused(
    shape: tuple, kernel: tuple, strides: tuple, padding: str
) -> None:
    with pytest.raises(ValueError, match='multiples of 4'):
        convolve_blocked(4)(jnp.ones(shape), jnp.ones(kernel), strides, padding)


def test_a_block_of_no_places_is_refused() -> None:
    with pytest.raises(ValueError, match='block is 0, wanted at least 1'):
        convolve_blocked(0)
