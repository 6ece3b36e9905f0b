"""Backpropagation through time by hand (U3.4), and how far it reaches (U3.5)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import LSTM, Elman, derivative
from dljax.rules import backward_through_time, state_gradient_norms
from dljax.types import Array, PyTree

RNG = np.random.default_rng(0)
TIME, UNITS = 5, 4
X = RNG.normal(size=(4, TIME, 3)).astype(np.float32)
D = RNG.normal(size=(4, TIME, 2)).astype(np.float32)
backward = jax.jit(
    backward_through_time, static_argnames=('truncation', 'activation', 'derivative')
)


def drawn(cell: Elman | LSTM) -> PyTree:
    shapes = jax.eval_shape(cell.init, jax.random.key(0), X)['params']
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda s: (0.4 * rng.normal(size=s.shape)).astype(s.dtype), shapes
    )


OUTPUT = {
    'kernel': RNG.normal(size=(UNITS, 2)).astype(np.float32),
    'bias': RNG.normal(size=2).astype(np.float32),
}


def assert_near(got: PyTree, wanted: PyTree) -> None:
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), got, wanted
    )


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize('activation', [jnp.tanh, jax.nn.sigmoid])
def test_the_sum_of_products_equals_automatic_differentiation(activation) -> None:
    cell = Elman(UNITS, activation=activation)

    def cost(recurrent: PyTree, output: PyTree) -> Array:
        states, _ = cell.apply({'params': recurrent}, X)
        y = states @ output['kernel'] + output['bias'][None, None, :]
        return 0.5 * jnp.square(y - D).sum((1, 2)).mean()

    with jax.enable_x64(True):
        params, output = jax.tree.map(np.float64, (drawn(cell), OUTPUT))
        got = backward(
            params,
            output,
            np.float64(X),
            np.float64(D),
            activation=activation,
            derivative=derivative(activation),
        )
        wanted = jax.jit(jax.grad(cost, (0, 1)))(params, output)
    assert_near((got.recurrent, got.output), wanted)


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize('truncation', [3, 1, TIME])
def test_a_truncated_sum_lets_no_error_pass_the_window(truncation: int) -> None:
    cell, params = Elman(UNITS), drawn(Elman(UNITS))

    def cost(params: PyTree) -> Array:
        """Each step's error through its own last steps only, the carry held fixed."""
        states, _ = cell.apply({'params': jax.lax.stop_gradient(params)}, X)
        total = 0.0
        for t in range(TIME):
            start = max(t - truncation + 1, 0)
            carry = states[:, start - 1] if start else None
            window, _ = cell.apply({'params': params}, X[:, start : t + 1], carry)
            y = window[:, -1] @ OUTPUT['kernel'] + OUTPUT['bias'][None, :]
            total += 0.5 * jnp.square(y - D[:, t]).sum(1).mean()
        return total

    got = jax.tree.map(
        np.asarray, backward(params, OUTPUT, X, D, truncation=truncation)
    )
    whole = backward(params, OUTPUT, X, D)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
        got.recurrent,
        jax.jit(jax.grad(cost))(params),
    )
    differs = np.abs(got.recurrent['kernel'] - whole.recurrent['kernel']).max() > 1e-3
    assert differs == (truncation < TIME)
    np.testing.assert_array_equal(got.norms[:, truncation:], 0.0)


@pytest.mark.heavy
def test_the_norms_by_hand_equal_those_by_automatic_differentiation() -> None:
    cell, params = Elman(UNITS), drawn(Elman(UNITS))

    def step(state: Array, x: Array) -> Array:
        return cell.apply({'params': params}, x[:, None], state)[1]

    def cost(state: Array) -> Array:
        y = state @ OUTPUT['kernel'] + OUTPUT['bias'][None, :]
        return 0.5 * jnp.square(y - D[:, -1]).sum(1)

    by_step = jax.jit(lambda first, x: state_gradient_norms(step, first, x, cost))(
        np.zeros((4, UNITS), np.float32), np.swapaxes(X, 0, 1)
    )
    norms = np.asarray(backward(params, OUTPUT, X, D).norms)
    np.testing.assert_allclose(norms[-1, ::-1], by_step, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(np.triu(norms, 1), 0.0)  # nothing before the start


@pytest.mark.heavy
def test_both_parts_of_an_lstms_state_count() -> None:
    cell, params = LSTM(UNITS), drawn(LSTM(UNITS))
    zero = np.zeros((4, UNITS), np.float32)

    def step(carry: tuple, x: Array) -> tuple:
        return cell.apply({'params': params}, x[:, None], carry)[1]

    def last(cost: Callable) -> np.ndarray:
        norms = jax.jit(lambda first, x: state_gradient_norms(step, first, x, cost))
        return np.asarray(norms((zero, zero), np.swapaxes(X, 0, 1)))[-1]

    one = last(lambda s: s[0].sum(1))
    np.testing.assert_allclose(one, np.sqrt(UNITS), rtol=1e-6)
    both = last(lambda s: s[0].sum(1) + s[1].sum(1))
    np.testing.assert_allclose(both, np.sqrt(2 * UNITS), rtol=1e-6)


def test_targets_and_truncation_are_checked() -> None:
    params = drawn(Elman(UNITS))
    with pytest.raises(ValueError, match=r'targets have shape \(4, 5\)'):
        backward_through_time(params, OUTPUT, X, D[..., 0])
    with pytest.raises(ValueError, match='truncation is 0'):
        backward_through_time(params, OUTPUT, X, D, truncation=0)
