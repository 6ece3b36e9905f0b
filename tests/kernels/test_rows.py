"""Products of rows that lie in several axes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.kernels.rows import along_rows, by_rows
from dljax.layers import Dense

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(3, 5)).astype(np.float32)


@pytest.mark.parametrize('axes', [(), (4,), (2, 4), (2, 4, 3), (0, 4)])
def test_the_result_and_the_parameters_are_those_of_linen(axes: tuple) -> None:
    values = RNG.normal(size=(*axes, 3)).astype(np.float32)
    made = [
        layer(5).init_with_output(jax.random.key(0), values)
        for layer in (Dense, nn.Dense)
    ]
    jax.tree.map(np.testing.assert_array_equal, *made)
    assert made[0][0].shape == (*axes, 5)


def test_the_gradient_is_a_product_of_two_matrices() -> None:
    values = RNG.normal(size=(2, 4, 3)).astype(np.float32)

    def total(weights: np.ndarray) -> jax.Array:
        return (by_rows(lambda rows: rows @ weights, values) ** 2).sum()

    gradient = jax.jit(jax.grad(total))
    wanted = 2 * values.reshape(8, 3).T @ (values.reshape(8, 3) @ WEIGHTS)
    np.testing.assert_allclose(gradient(WEIGHTS), wanted, rtol=1e-5)
    products = [
        line
        for line in gradient.lower(WEIGHTS).as_text().splitlines()
        if 'dot_general' in line
    ]
    assert len(products) == 2
    assert all('contracting_dims = [0] x [0]' in line for line in products[1:])


def test_a_row_is_repeated_and_its_gradient_is_the_sum() -> None:
    row = jnp.array([1.0, 2.0, 3.0], jnp.bfloat16)
    rows = along_rows(row, 4)
    assert rows.dtype == jnp.bfloat16
    np.testing.assert_array_equal(rows, np.tile(np.float32(row), (4, 1)))
    weights = jnp.arange(12.0, dtype=jnp.bfloat16).reshape(4, 3)
    gradient = jax.grad(lambda row: (along_rows(row, 4) * weights).sum())(row)
    np.testing.assert_array_equal(gradient, weights.sum(axis=0))
