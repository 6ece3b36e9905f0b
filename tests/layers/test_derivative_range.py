"""Recurrent layers whose derivative is clipped at the gates' sums, at every step."""

import functools
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import create_model
from dljax.layers import GRU, LSTM, Elman, RecurrentStack
from dljax.models.fields import describe, reconfigured
from dljax.types import Array, PyTree

RANGE = 0.3
CELLS = {
    'elman': Elman(4),
    'rectified': Elman(4, activation=jax.nn.relu),
    'sine': Elman(4, activation=jnp.sin),
    'lstm': LSTM(4),
    'gru': GRU(4),
    'gru_2014': GRU(4, reset_after=False),
}
X = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
LENGTHS = np.array([4, 1, 2])


def drawn(net: nn.Module) -> PyTree:
    """Random parameters everywhere, biases included."""
    shapes = jax.eval_shape(net.init, jax.random.key(0), X)['params']
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda s: np.asarray(rng.normal(size=s.shape), s.dtype), shapes)


@jax.custom_vjp
def held(sums: Array) -> Array:
    return sums


held.defvjp(lambda x: (x, None), lambda _, back: (jnp.clip(back, -RANGE, RANGE),))


def step(cell: nn.Module, params: PyTree, x: Array, carry: PyTree) -> PyTree:
    """One step of the textbook's equations, each sum held on its own."""
    parts = params['kernel'].shape[1] // 4
    u = jnp.split(params['recurrent_kernel'], parts, axis=1)
    a = jnp.split(x @ params['kernel'] + params['bias'][None], parts, axis=1)
    if isinstance(cell, LSTM):
        h, c = carry
        i, f, g, o = (held(a[k] + h @ u[k]) for k in range(4))
        c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
        return nn.sigmoid(o) * jnp.tanh(c), c
    (h,) = carry
    if isinstance(cell, Elman):
        return (cell.activation(held(a[0] + h @ u[0])),)
    r, z = (nn.sigmoid(held(a[k] + h @ u[k])) for k in range(2))
    if cell.reset_after:
        inner = r * (h @ u[2] + params['recurrent_bias'][None])
    else:
        inner = (r * h) @ u[2]
    return (z * h + (1 - z) * jnp.tanh(held(a[2] + inner)),)


def plain_loop(
    cell: nn.Module, params: PyTree, inputs: Array, lengths: np.ndarray, reverse: bool
) -> tuple[Array, PyTree]:
    """Each sequence for itself, in a Python loop over its true steps."""
    rows, ends = [], []
    for row, length in enumerate(lengths):
        carry = (jnp.zeros((1, 4), inputs.dtype),) * (2 if cell == LSTM(4) else 1)
        states = [jnp.zeros((1, 4), inputs.dtype)] * inputs.shape[1]
        for t in reversed(range(length)) if reverse else range(length):
            carry = step(cell, params, inputs[row : row + 1, t], carry)
            states[t] = carry[0]
        rows.append(jnp.stack(states, axis=1))
        ends.append(carry)
    last = jax.tree.map(lambda *parts: jnp.concatenate(parts), *ends)
    return jnp.concatenate(rows), last


def total(found: tuple[Array, PyTree]) -> Array:
    outputs, last = found
    return (outputs**2).sum() + sum((x**3).sum() for x in jax.tree.leaves(last))


@pytest.mark.parametrize('masked', [True, pytest.param(False, marks=pytest.mark.heavy)])
@pytest.mark.parametrize(
    'reverse', [False, pytest.param(True, marks=pytest.mark.heavy)]
)
@pytest.mark.parametrize('name', CELLS)
def test_gradients_equal_those_of_a_plain_loop_with_explicit_clips(
    name: str, reverse: bool, masked: bool
) -> None:
    cell, params = CELLS[name], drawn(CELLS[name])
    lengths = LENGTHS if masked else np.full(3, 4)

    def ours(params: PyTree, inputs: Array, limit: float | None) -> Array:
        layer, given = cell.clone(derivative_range=limit), {'params': params}
        at = LENGTHS if masked else None
        return total(layer.apply(given, inputs, lengths=at, reverse=reverse))

    def wanted(params: PyTree, inputs: Array) -> Array:
        return total(plain_loop(cell, params, inputs, lengths, reverse))

    with jax.enable_x64(True):
        given = (jax.tree.map(np.float64, params), np.float64(X))
        both = jax.value_and_grad(ours, (0, 1))
        value, found = jax.jit(both, static_argnums=2)(*given, RANGE)
        other, plain = jax.jit(jax.value_and_grad(wanted, (0, 1)))(*given)
        np.testing.assert_allclose(value, other, rtol=1e-12)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6),
            found,
            plain,
        )
        # The range is one that acts here.
        free = jax.jit(both, static_argnums=2)(*given, None)[1]
    assert np.abs(found[0]['kernel'] - free[0]['kernel']).max() > 0.1


@functools.partial(jax.jit, static_argnums=0)
def sensitivity(layer: nn.Module, variables: PyTree, inputs: Array) -> Array:
    """The derivative of the last state's sum with respect to all inputs."""
    return jax.grad(lambda x: layer.apply(variables, x)[0][:, -1].sum())(inputs)


def test_an_exploding_derivative_stays_in_its_range_at_every_step() -> None:
    # The inputs are the sums themselves, and each state is thrice the one before.
    variables = {
        'params': {
            'kernel': jnp.eye(2),
            'recurrent_kernel': 3 * jnp.eye(2),
            'bias': jnp.zeros(2),
        }
    }
    inputs = np.ones((1, 12, 2), np.float32)
    free, clipped = (
        np.asarray(sensitivity(Elman(2, jax.nn.relu, limit), variables, inputs))
        for limit in (None, 10.0)
    )
    np.testing.assert_allclose(free[0, :, 0], 3.0 ** np.arange(12)[::-1], rtol=1e-6)
    np.testing.assert_array_equal(clipped, np.minimum(free, 10))


@pytest.mark.parametrize('name', ['lstm', 'gru'])
def test_a_range_that_is_not_reached_changes_nothing(name: str) -> None:
    cell, params = CELLS[name], {'params': drawn(CELLS[name])}

    @functools.partial(jax.jit, static_argnums=1)
    def found(params: PyTree, limit: float | None) -> tuple[PyTree, PyTree]:
        layer = cell.clone(derivative_range=limit)
        return jax.grad(lambda p: total(layer.apply(p, X)))(params), layer.apply(
            params, X
        )

    (free, values), (wide, same) = found(params, None), found(params, 1e6)
    jax.tree.map(np.testing.assert_array_equal, values, same)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), free, wide
    )


def weights_products(layer: nn.Module) -> int:
    """How many products over all steps a gradient of the recurrent weights takes."""
    params = drawn(layer)
    run = jax.jit(jax.grad(lambda p: total(layer.apply({'params': p}, X))))
    lines = run.lower(params).as_text().splitlines()
    along = re.compile(r'dot_general.* \[0\] x \[0\].*\(tensor<12x\d+xf32>, tensor<12x')
    return sum(bool(along.search(line)) for line in lines)


@pytest.mark.parametrize('cell', [Elman, LSTM, GRU])
def test_without_a_range_the_faster_derivative_is_taken(cell: Callable) -> None:
    layer = cell(4)
    assert weights_products(layer) > weights_products(layer.clone(derivative_range=1.0))


def test_it_can_be_mapped_and_differentiated_again() -> None:
    layer = LSTM(4, derivative_range=RANGE)
    params = {'params': drawn(layer)}

    @jax.jit
    def gradient(scale: Array) -> Array:
        return jax.grad(lambda x: total(layer.apply(params, x)))(scale * X)

    scales = np.float32([0.5, 2.0])
    mapped = jax.jit(jax.vmap(gradient))(scales)
    wanted = np.stack([gradient(scale) for scale in scales])
    np.testing.assert_allclose(mapped, wanted, rtol=1e-5, atol=1e-6)
    second = jax.jit(jax.grad(lambda scale: (gradient(scale) ** 2).sum()))(1.0)
    assert np.isfinite(second)
    assert second != 0


def test_half_precision_keeps_its_type_and_the_range() -> None:
    layer = GRU(4, derivative_range=0.25, dtype=jnp.bfloat16)
    params = {'params': drawn(layer)}
    half = X.astype('bfloat16')
    found = jax.jit(jax.grad(lambda x: 100 * total(layer.apply(params, x))))(half)
    assert found.dtype == jnp.bfloat16
    # Each input meets 12 sums, whose derivatives are at most a quarter.
    most = 0.25 * np.abs(params['params']['kernel']).sum(1)
    reached = np.abs(np.float32(found)).max((0, 1))
    assert np.all(reached <= 1.02 * most)
    assert np.all(reached > 0.2 * most)


def test_cudnn_is_left_aside_where_derivatives_are_clipped() -> None:
    layer, plain = (LSTM(4, cudnn=c, derivative_range=RANGE) for c in (True, False))
    params = {'params': drawn(plain)}
    found, wanted = (jax.jit(net.apply)(params, X)[0] for net in (layer, plain))
    np.testing.assert_array_equal(found, wanted)


def test_it_reaches_the_layers_of_a_model() -> None:
    plain = create_model('character_lstm', vocabulary=7, cell=LSTM(4), embedding=3)
    net = reconfigured(plain, derivative_range=1e-3)
    assert describe(net)['cell.derivative_range'] == '0.001'
    assert describe(plain)['cell.derivative_range'] == 'None'
    tokens = np.random.default_rng(0).integers(0, 7, (2, 5))
    params = jax.eval_shape(plain.init, jax.random.key(0), tokens)
    params = jax.tree.map(
        lambda s: jnp.cos(jnp.arange(s.size)).reshape(s.shape), params
    )

    @jax.jit
    def gradients(params: PyTree) -> list[PyTree]:
        return [
            jax.grad(lambda p, net=net: (net.apply(p, tokens) ** 2).sum())(params)
            for net in (net, plain)
        ]

    found, free = (both['params'] for both in gradients(params))
    np.testing.assert_allclose(
        found['output']['kernel'], free['output']['kernel'], rtol=1e-5
    )
    layer = found['recurrent']['forward_0']
    assert np.abs(layer['bias']).max() <= 2 * 5 * 1e-3 + 1e-6
    assert np.abs(free['recurrent']['forward_0']['bias']).max() > 0.1


def test_both_directions_are_clipped() -> None:
    stack = RecurrentStack(Elman(4, derivative_range=1e-3), bidirectional=True)
    params = drawn(stack)
    found = jax.jit(jax.grad(lambda p: total(stack.apply({'params': p}, X))))(params)
    for name in ('forward_0', 'backward_0'):
        assert 0 < np.abs(found[name]['bias']).max() <= 3 * 4 * 1e-3 + 1e-6


@pytest.mark.parametrize('cell', [Elman, LSTM, GRU])
@pytest.mark.parametrize('value', [0, -1.0, float('nan'), float('inf')])
def test_a_range_that_is_not_above_zero_is_refused(
    cell: Callable, value: float
) -> None:
    with pytest.raises(ValueError, match=f'derivative_range is {value}, wanted a fini'):
        cell(4, derivative_range=value)
