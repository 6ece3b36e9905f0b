"""Krizhevsky's response normalisation against his formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dljax.layers import local_response_norm

MAPS = np.random.default_rng(0).normal(size=(2, 3, 7)).astype(np.float32)


@pytest.mark.parametrize('window', [1, 3, 4, 5, 20])
def test_each_channel_is_divided_by_what_its_neighbours_are_worth(window: int) -> None:
    wanted = np.empty_like(MAPS)
    for i in range(MAPS.shape[-1]):
        near = range(i - window // 2, i + (window - 1) // 2 + 1)
        squares = sum(MAPS[..., j] ** 2 for j in near if 0 <= j < MAPS.shape[-1])
        wanted[..., i] = MAPS[..., i] / (1.5 + 0.7 * squares) ** 0.6
    got = local_response_norm(MAPS, window=window, k=1.5, alpha=0.7, beta=0.6)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_the_constants_are_those_of_the_paper() -> None:
    x = jnp.full((1, 5), 100.0)  # the middle one has five neighbours, itself among them
    wanted = 100 / (2 + 1e-4 * 5 * 100**2) ** 0.75
    np.testing.assert_allclose(local_response_norm(x)[0, 2], wanted, rtol=1e-6)


def test_its_gradient_is_right_and_finite_where_all_is_zero() -> None:
    with jax.enable_x64(True):
        x = np.random.default_rng(1).normal(size=(2, 6))
        norm = jax.jit(lambda x: local_response_norm(x, alpha=0.5))
        check_grads(norm, (x,), 1, ['rev'])
    gradient = jax.jit(jax.grad(lambda x: local_response_norm(x).sum()))
    gradient = gradient(np.zeros((1, 6), np.float32))
    np.testing.assert_allclose(gradient, 2.0**-0.75, rtol=1e-6)


def test_bfloat16_is_computed_in_float32() -> None:
    x = jnp.asarray(MAPS * 300, jnp.bfloat16)
    got = local_response_norm(x)
    wanted = local_response_norm(x.astype(jnp.float32)).astype(jnp.bfloat16)
    assert got.dtype == jnp.bfloat16
    np.testing.assert_array_equal(
        got.astype(np.float32), np.asarray(wanted, np.float32)
    )


@pytest.mark.parametrize(('window', 'k'), [(0, 2.0), (5, 0.0)])
def test_settings_out_of_range_are_refused(window: int, k: float) -> None:
    with pytest.raises(ValueError, match='at least 1 channel and a number above 0'):
        local_response_norm(MAPS, window=window, k=k)
