"""Convolution and pooling by numbers that can be done by hand (U2.1, U2.2)."""

import jax.numpy as jnp
import numpy as np
import pytest

from dljax.kernels.convolve import convolve
from dljax.kernels.max_pool import max_pool
from dljax.layers import (
    Conv,
    NormalisedConv,
    ceil_max_pool,
    global_average_pool,
    global_max_pool,
    sum_pool,
)

PICTURE = ('11100', '01110', '00111', '00110', '01100')
KERNEL = ('101', '010', '101')
CONVOLVED = ('434', '243', '234')
NUMBERS = ('33210', '00131', '31223', '20022', '20001')
LARGEST = ('333', '333', '323')


def table(rows: tuple[str, ...]) -> np.ndarray:
    return np.array([list(map(float, row)) for row in rows], np.float32)


def maps(rows: tuple[str, ...]) -> np.ndarray:
    return table(rows)[None, :, :, None]


@pytest.mark.parametrize(
    'layer',
    [
        Conv(1, (3, 3), padding='VALID'),
        NormalisedConv(
            1,
            kernel_size=3,
            stride=1,
            padding=0,
            normalise=None,
            use_bias=True,
            activation=abs,
        ),
    ],
    ids=['Conv', 'NormalisedConv'],
)
def test_a_layer_convolves_as_by_hand(layer: NormalisedConv) -> None:
    params = {'kernel': table(KERNEL)[:, :, None, None], 'bias': np.zeros(1)}
    plain = isinstance(layer, NormalisedConv)
    found = layer.apply(
        {'params': {'conv': params} if plain else params}, maps(PICTURE)
    )
    np.testing.assert_array_equal(found[0, :, :, 0], table(CONVOLVED))


def test_the_kernel_convolves_as_by_hand() -> None:
    kernel = table(KERNEL)[:, :, None, None]
    found = convolve(maps(PICTURE), kernel, (1, 1), 'VALID')
    np.testing.assert_array_equal(found[0, :, :, 0], table(CONVOLVED))


def test_pools_are_as_by_hand() -> None:
    images = maps(NUMBERS)
    found = max_pool(images, (3, 3))
    np.testing.assert_array_equal(found[0, :, :, 0], table(LARGEST))
    np.testing.assert_array_equal(ceil_max_pool(images, 3, 1), found)
    sums = sum_pool(images, (3, 3))[0, :, :, 0]
    assert sums[0, 0] == 3 + 3 + 2 + 0 + 0 + 1 + 3 + 1 + 2
    assert global_max_pool(images).item() == 3
    mean = table(NUMBERS).mean()
    np.testing.assert_allclose(
        global_average_pool(jnp.asarray(images)), mean, rtol=1e-6
    )
