"""Maximum pooling: the plain form's values and derivatives, by another way."""

import itertools
from collections.abc import Callable

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


POOLS = max_pool, nn.max_pool
QUICK = {('tiles with a rest', 'bfloat16'), ('overlapping and padded', 'float32')}


def drawn(sides: tuple[int, int], batch: int = 2, dtype: str = 'float32') -> Array:
    """Small whole numbers, of which many are equal."""
    rng = np.random.default_rng(0)
    return rng.integers(-3, 4, (batch, *sides, 3)).astype(dtype)


@pytest.mark.parametrize(
    ('name', 'dtype'),
    [
        pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.heavy)
        for pair in itertools.product(FORMS, ('float32', 'bfloat16'))
    ],
)
def test_values_and_gradients_are_those_of_the_plain_form(
    name: str, dtype: str
) -> None:
    sides, *form = FORMS[name]
    x = drawn(sides, dtype=dtype)

    # The plain form gives the gradient to the first of equal values as well.
    def both(pool: Callable) -> tuple[Array, Array]:
        pooled, back = jax.vjp(lambda x: pool(x, *form), x)
        cotangent = np.arange(pooled.size) % 7
        return pooled, back(cotangent.reshape(pooled.shape).astype(dtype))[0]

    (pooled, gradient), wanted = (jax.jit(both, static_argnums=0)(f) for f in POOLS)
    np.testing.assert_array_equal(pooled, wanted[0])
    np.testing.assert_array_equal(gradient, wanted[1])
    assert pooled.dtype == gradient.dtype == dtype


@pytest.mark.others('heavy')
@pytest.mark.parametrize('name', ['overlapping and padded', 'tiles'])
def test_derivatives_of_every_kind_agree(name: str) -> None:
    sides, *form = FORMS[name]
    rng = np.random.default_rng(0)
    x, tangent = rng.normal(size=(2, 2, *sides, 3)).astype(np.float32)

    def loss(pool: callable, x: Array) -> Array:
        return (pool(x, *form) ** 3).sum()

    def both(pool: callable) -> list[Array]:
        gradient = jax.grad(lambda x: loss(pool, x))
        return [
            jax.jvp(lambda x: loss(pool, x), (x,), (tangent,))[1],
            jax.jvp(gradient, (x,), (tangent,))[1],
            jax.grad(lambda x: (gradient(x) * tangent).sum())(x),
            jax.vmap(gradient)(jnp.stack([x, 2 * x])),
            jax.lax.scan(lambda c, _: (c - 0.1 * gradient(c), None), x, length=2)[0],
        ]

    ours, theirs = (jax.jit(both, static_argnums=0)(f) for f in POOLS)
    for got, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_the_first_of_equal_values_gets_the_gradient() -> None:
    for form in (((2, 2), (2, 2)), ((3, 3), (2, 2), 'SAME')):
        gradient = jax.jit(jax.grad(lambda x, form=form: max_pool(x, *form).sum()))
        got = np.asarray(gradient(np.zeros((1, 2, 2, 1), np.float32)))
        np.testing.assert_array_equal(got[0, :, :, 0], [[1, 0], [0, 0]])


def test_not_a_number_stays_one() -> None:
    x = np.zeros((1, 4, 4, 1), np.float32)
    x[0, 1, 2, 0] = np.nan
    for form in (((2, 2), (2, 2)), ((3, 3), (2, 2), 'SAME')):
        np.testing.assert_array_equal(max_pool(x, *form), nn.max_pool(x, *form))


def test_other_backends_compile_the_plain_form() -> None:
    x = jnp.ones((2, 8, 8, 3))

    def names(pool: callable) -> set[str]:
        gradient = jax.value_and_grad(lambda x: pool(x, (3, 3), (2, 2)).sum())
        lowered = jax.jit(gradient).trace(x).lower(lowering_platforms=('cuda',))
        return {
            word
            for word in ('select_and_scatter', 'reduce_window', 'concatenate')
            if f'stablehlo.{word}' in lowered.as_text()
        }

    wanted = {'select_and_scatter', 'reduce_window'}
    assert names(max_pool) == names(nn.max_pool) == wanted


def test_series_and_integers_are_pooled_as_linen_does() -> None:
    series, numbers = (
        np.arange(12, dtype=np.float32).reshape(1, 6, 2),
        np.arange(16, dtype=np.int32).reshape(1, 4, 4, 1),
    )
    np.testing.assert_array_equal(
        max_pool(series, (2,), (2,)), nn.max_pool(series, (2,), (2,))
    )
    np.testing.assert_array_equal(
        max_pool(numbers, (2, 2), (2, 2)), [[[[5], [7]], [[13], [15]]]]
    )
