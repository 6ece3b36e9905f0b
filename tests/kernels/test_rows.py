"""Products of rows that lie in several axes."""

from collections.abc import Callable

import jax
import numpy as np
import pytest
from flax import linen as nn

from dljax.kernels.rows import by_rows, dot_rows, multiply_steps, parted_batches
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


def test_a_layer_is_called_once_and_shows_one_output() -> None:
    values = RNG.normal(size=(2, 4, 3)).astype(np.float32)
    layer, calls = Dense(5), []
    variables = layer.init(jax.random.key(0), values)

    def note(
        following: Callable, arguments: tuple, keywords: dict, context: object
    ) -> jax.Array:
        calls.append(arguments[0].shape)
        return following(*arguments, **keywords)

    with nn.intercept_methods(note):
        _, seen = layer.apply(variables, values, capture_intermediates=True)
    (output,) = seen['intermediates']['__call__']
    assert output.shape == (2, 4, 5) and calls == [(2, 4, 3)]


def test_other_products_are_left_to_jax() -> None:
    values = RNG.normal(size=(2, 4, 3)).astype(np.float32)
    others = RNG.normal(size=(2, 3, 5)).astype(np.float32)
    for numbers, right in (
        ((((2,), (1,)), ((0,), (0,))), others),
        ((((0,), (0,)), ((), ())), others),
        ((((2,), (1,)), ((), ())), others),
    ):
        found = dot_rows(values, right, numbers, precision='highest')
        wanted = jax.lax.dot_general(values, right, numbers, precision='highest')
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


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


@pytest.mark.parametrize('parted', [False, True])
def test_steps_are_multiplied_joined_or_parted_alike(parted: bool) -> None:
    steps = RNG.normal(size=(4, 2, 3)).astype(np.float32)
    bias = RNG.normal(size=5).astype(np.float32)

    def total(steps: jax.Array, weights: jax.Array, bias: jax.Array) -> jax.Array:
        with parted_batches(parted):
            return (multiply_steps(steps, weights, bias) ** 2).sum()

    gradient = jax.jit(jax.grad(total, (0, 1, 2)))
    made = steps @ WEIGHTS + bias
    wanted = (
        2 * made @ WEIGHTS.T,
        2 * np.einsum('tbf,tbg->fg', steps, made),
        2 * made.sum((0, 1)),
    )
    found = gradient(steps, WEIGHTS, bias)
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4)
    text = gradient.lower(steps, WEIGHTS, bias).as_text()
    assert ('tensor<8x3xf32>' in text) != parted
    np.testing.assert_allclose(
        multiply_steps(steps, WEIGHTS), steps @ WEIGHTS, rtol=1e-6
    )
