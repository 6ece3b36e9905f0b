"""Convolutions in half precision: added up in float32, and rounded once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.kernels.convolve import convolve
from dljax.types import Array, PyTree


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('dtype', [jnp.bfloat16, jnp.float16], ids=str)
@pytest.mark.parametrize('widths', [(12, 14), (1, 4), (20, 3)], ids=str)
def test_half_precision_adds_up_in_single(widths, dtype):
    rng = np.random.default_rng(0)
    shapes = (2, 6, 7, widths[0]), (3, 3, *widths), (2, 6, 7, widths[1])
    images, kernel, cotangent = (
        jnp.asarray(rng.normal(size=shape), dtype) for shape in shapes
    )

    @jax.jit
    def computed(images: Array, kernel: Array, cotangent: Array) -> PyTree:
        settings = {'window_strides': (1, 1), 'padding': 'SAME'}
        convolved = functools.partial(convolve, **settings)
        value, back = jax.vjp(convolved, images, kernel)
        return value, *back(cotangent)

    text = computed.lower(images, kernel, cotangent).as_text()
    sums = [line for line in text.splitlines() if 'stablehlo.convolution' in line]
    assert sums and not any('f16' in line for line in sums)
    ours = computed(images, kernel, cotangent)
    exact = computed(*(np.float32(x) for x in (images, kernel, cotangent)))
    for half, single in zip(ours, exact, strict=True):
        assert half.dtype == dtype
        # Rounded once: by half of the distance between neighbours at most.
        error = np.abs(np.asarray(half, np.float64) - np.asarray(single, np.float64))
        distance = jnp.finfo(dtype).eps * np.abs(np.asarray(single, np.float64))
        assert np.all(error <= 0.51 * distance + 1e-5)
