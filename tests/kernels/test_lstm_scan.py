"""The LSTM's loop against a plain one: values, and derivatives of every kind."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.kernels.lstm_scan import lstm_scan
from dljax.kernels.unroll import unroll
from dljax.types import Array, PyTree

TIME, BATCH, WIDTH = 5, 3, 4


def plain(
    products: Array, recurrent: Array, carry: tuple, lengths: Array, reverse: bool
) -> PyTree:
    """Write the equations down as a loop."""

    def step(carry: tuple, product: Array) -> tuple[tuple, Array]:
        hidden, cell = carry
        take, keep, content, show = jnp.split(product + hidden @ recurrent, 4, axis=-1)
        cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(content)
        hidden = jax.nn.sigmoid(show) * jnp.tanh(cell)
        return (hidden, cell), hidden

    carry, outputs = unroll(step, carry, products, lengths=lengths, reverse=reverse)
    return outputs, carry


def drawn() -> tuple[Array, Array, tuple[Array, Array]]:
    rng = np.random.default_rng(0)
    shapes = (
        (TIME, BATCH, 4 * WIDTH),
        (WIDTH, 4 * WIDTH),
        (BATCH, WIDTH),
        (BATCH, WIDTH),
    )
    products, recurrent, *carry = (
        rng.normal(size=shape).astype(np.float32) for shape in shapes
    )
    return products, recurrent, tuple(carry)


def close(got: PyTree, wanted: PyTree) -> None:
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), got, wanted
    )


@pytest.mark.heavy
def test_values_and_gradients_equal_those_of_a_plain_loop() -> None:
    lengths = np.array([5, 3, 1])

    def loss(run: Callable, arguments: tuple) -> tuple[Array, PyTree]:
        outputs, (hidden, cell) = run(*arguments, lengths, True)
        return (outputs**2).sum() + (hidden * cell).sum(), (outputs, hidden, cell)

    gradient = jax.jit(jax.grad(loss, 1, has_aux=True), static_argnums=0)
    close(gradient(lstm_scan, drawn()), gradient(plain, drawn()))


@pytest.mark.parametrize(
    ('lengths', 'reverse'),
    [
        pytest.param((5, 3, 1), True, marks=pytest.mark.heavy),
        pytest.param(None, False, marks=pytest.mark.heavy),
        pytest.param((5, 3, 1), False, marks=pytest.mark.exhaustive),
        pytest.param(None, True, marks=pytest.mark.exhaustive),
    ],
)
def test_derivatives_of_every_kind_equal_those_of_a_plain_loop(
    lengths: tuple[int, ...] | None, reverse: bool
) -> None:
    arguments = drawn()
    lengths = None if lengths is None else jnp.array(lengths)
    tangents = jax.tree.map(lambda x: jnp.cos(x + 1), arguments)

    def found(run: callable) -> list[PyTree]:
        def loss(arguments: tuple) -> Array:
            outputs, (hidden, cell) = run(*arguments, lengths, reverse)
            return (outputs**2).sum() + (hidden * cell).sum()

        gradient = jax.grad(loss)
        return [
            run(*arguments, lengths, reverse),
            gradient(arguments),
            jax.jvp(loss, (arguments,), (tangents,)),
            jax.jvp(gradient, (arguments,), (tangents,))[1],
        ]

    close(jax.jit(lambda: found(lstm_scan))(), jax.jit(lambda: found(plain))())


def test_it_can_be_mapped() -> None:
    products, recurrent, carry = drawn()

    def total(scale: Array) -> Array:
        return lstm_scan(scale * products, recurrent, carry, None, False)[0].sum()

    scales, gradient = np.float32([0.5, 2.0]), jax.jit(jax.grad(total))
    mapped = jax.jit(jax.vmap(jax.grad(total)))(scales)
    close(mapped, np.stack([gradient(scale) for scale in scales]))


def test_the_gradient_of_the_weights_is_one_product_for_all_steps() -> None:
    products, recurrent, carry = drawn()

    def loss(recurrent: Array) -> Array:
        return lstm_scan(products, recurrent, carry, None, False)[0].sum()

    compiled = jax.jit(jax.grad(loss)).lower(recurrent)
    text = compiled.as_text()
    contracted = f'tensor<{TIME * BATCH}x{4 * WIDTH}xf32>'
    made = [line for line in text.splitlines() if 'stablehlo.dot_general' in line]
    # Forwards, backwards through the states, and one for the weights: none in the loop
    # makes a matrix of their form.
    whole = [line for line in made if f'-> tensor<{4 * WIDTH}x{WIDTH}xf32>' in line]
    assert len(made) == 3 and len(whole) == 1 and contracted in whole[0]


def test_half_precision_keeps_its_type_and_its_digits() -> None:
    products, recurrent, carry = jax.tree.map(lambda x: x.astype('bfloat16'), drawn())
    ours, other = (
        jax.jit(lambda *x, run=run: run(*x, None, False)) for run in (lstm_scan, plain)
    )
    got, wanted = ours(products, recurrent, carry), other(*drawn())
    assert {x.dtype.name for x in jax.tree.leaves(got)} == {'bfloat16'}
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(np.float32(a), b, atol=0.05),
        got,
        wanted,
    )
