"""Maximum pooling: the plain form's values and derivatives, by another way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.kernels.max_pool import max_pool
from dljax.types import Array

FORMS = {
    'tiles': ((4, 6), (2, 2), (2, 2), 'VALID'),
    'oblong tiles': ((4, 6), (2, 3), (2, 3), 'VALID'),
    'tiles with a rest': ((5, 7), (2, 2), (2, 2), 'VALID'),
    'overlapping': ((9, 8), (3, 3), (2, 2), 'VALID'),
    'overlapping and padded': ((8, 7), (3, 3), (2, 2), ((1, 1), (1, 1))),
    'padded on one side': ((7, 7), (3, 3), (2, 2), ((0, 1), (1, 0))),
    'by one': ((5, 6), (3, 3), (1, 1), 'SAME'),
    'gaps': ((7, 9), (2, 2), (3, 4), 'VALID'),
    'oblong': ((9, 9), (3, 2), (2, 1), 'SAME'),
}


def drawn(sides: tuple[int, int], batch: int = 2, dtype: str = 'float32') -> Array:
    """Small whole numbers, of which many are equal."""
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.integers(-3, 4, (batch, *sides, 3)), dtype)


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
@pytest.mark.parametrize('name', FORMS)
def test_values_and_slopes_are_those_of_the_plain_form(name: str, dtype: str) -> None:
    sides, *form = FORMS[name]
    x = drawn(sides, dtype=dtype)
    # The plain form gives the slope to the first of equal values as well.
    pooled, back = jax.vjp(lambda x: max_pool(x, *form), x)
    wanted, plainly = jax.vjp(lambda x: nn.max_pool(x, *form), x)
    np.testing.assert_array_equal(pooled, wanted)
    slope = (jnp.arange(wanted.size) % 7).reshape(wanted.shape).astype(dtype)
    np.testing.assert_array_equal(back(slope)[0], plainly(slope)[0])
    assert pooled.dtype == back(slope)[0].dtype == dtype


@pytest.mark.parametrize('name', ['tiles', 'overlapping and padded'])
def test_derivatives_of_every_kind_agree(name: str) -> None:
    sides, *form = FORMS[name]
    x = jax.random.normal(jax.random.key(0), (2, *sides, 3))
    tangent = jax.random.normal(jax.random.key(1), x.shape)

    def loss(pool: callable, x: Array) -> Array:
        return (pool(x, *form) ** 3).sum()

    def both(pool: callable) -> list[Array]:
        slope = jax.grad(lambda x: loss(pool, x))
        return [
            jax.jvp(lambda x: loss(pool, x), (x,), (tangent,))[1],
            jax.jvp(slope, (x,), (tangent,))[1],
            jax.grad(lambda x: (slope(x) * tangent).sum())(x),
            jax.vmap(slope)(jnp.stack([x, 2 * x])),
            jax.lax.scan(lambda c, _: (c - 0.1 * slope(c), None), x, length=2)[0],
        ]

    for got, wanted in zip(both(max_pool), both(nn.max_pool), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_the_first_of_equal_values_gets_the_slope() -> None:
    for form in (((2, 2), (2, 2)), ((3, 3), (2, 2), 'SAME')):
        slope = jax.grad(lambda x, form=form: max_pool(x, *form).sum())
        got = slope(jnp.zeros((1, 2, 2, 1)))[0, :, :, 0]
        np.testing.assert_array_equal(got, [[1, 0], [0, 0]])


def test_not_a_number_stays_one() -> None:
    x = jnp.zeros((1, 4, 4, 1)).at[0, 1, 2, 0].set(jnp.nan)
    for form in (((2, 2), (2, 2)), ((3, 3), (2, 2), 'SAME')):
        np.testing.assert_array_equal(max_pool(x, *form), nn.max_pool(x, *form))


def test_other_backends_compile_the_plain_form() -> None:
    x = jnp.ones((2, 8, 8, 3))

    def names(pool: callable) -> set[str]:
        slope = jax.value_and_grad(lambda x: pool(x, (3, 3), (2, 2)).sum())
        lowered = jax.jit(slope).trace(x).lower(lowering_platforms=('cuda',))
        return {
            word
            for word in ('select_and_scatter', 'reduce_window', 'concatenate')
            if f'stablehlo.{word}' in lowered.as_text()
        }

    wanted = {'select_and_scatter', 'reduce_window'}
    assert names(max_pool) == names(nn.max_pool) == wanted


def test_series_and_integers_are_pooled_as_linen_does() -> None:
    series, numbers = (
        jnp.arange(12.0).reshape(1, 6, 2),
        jnp.arange(16).reshape(1, 4, 4, 1),
    )
    np.testing.assert_array_equal(
        max_pool(series, (2,), (2,)), nn.max_pool(series, (2,), (2,))
    )
    np.testing.assert_array_equal(
        max_pool(numbers, (2, 2), (2, 2)), [[[[5], [7]], [[13], [15]]]]
    )
