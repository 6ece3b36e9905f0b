"""What is given to cuDNN, and what it gives on a GPU.

Elsewhere JAX's own statement of cuDNN's LSTM stands in for it, with the same layout of
the weights and the same treatment of padding.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import rnn

from dljax.layers import LSTM
from dljax.types import Array, PyTree

ON_GPU = jax.default_backend() == 'gpu'
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(3, 5, 2)).astype(np.float32)
CARRY = tuple(RNG.normal(size=(2, 3, 4)).astype(np.float32))


def stated(
    inputs: Array, hidden: Array, cell: Array, weights: Array, lengths: Array, *sizes
) -> tuple[Array, Array, Array]:
    width, features, layers, dropout, both = sizes
    parts = rnn.unpack_lstm_weights(weights, width, features, layers, both)
    return rnn.lstm_ref(inputs, hidden, cell, *parts, lengths, *sizes)


@pytest.fixture
def cudnn(monkeypatch: pytest.MonkeyPatch) -> None:
    if not ON_GPU:
        monkeypatch.setattr(rnn, 'lstm', stated)
        monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')


def drawn() -> PyTree:
    shapes = jax.eval_shape(LSTM(4).init, jax.random.key(2), INPUTS)
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: rng.normal(0, 0.6, leaf.shape).astype(leaf.dtype), shapes
    )


def found(layer: LSTM, lengths: Array | None, reverse: bool) -> PyTree:
    """Give outputs, last carry, and gradients of parameters, inputs and carry."""
    params = drawn()

    def run(params: PyTree, inputs: Array, carry: PyTree) -> PyTree:
        return layer.apply(params, inputs, carry, lengths=lengths, reverse=reverse)

    def loss(*arguments: PyTree) -> Array:
        outputs, (hidden, cell) = run(*arguments)
        return (outputs**2).sum() + (hidden * cell).sum()

    @jax.jit
    def both(*arguments: PyTree) -> PyTree:
        return run(*arguments), jax.grad(loss, argnums=(0, 1, 2))(*arguments)

    with jax.default_matmul_precision('highest'):
        return both(params, INPUTS, CARRY)


def test_it_computes_what_the_layer_without_it_does(cudnn: None) -> None:
    lengths = np.array([5, 3, 1])
    layer, plain = LSTM(4, cudnn=True), LSTM(4)
    params = drawn()

    @jax.jit
    def both(params: PyTree) -> list[PyTree]:
        settings = {'lengths': lengths, 'reverse': True}
        return [net.apply(params, INPUTS, CARRY, **settings) for net in (layer, plain)]

    with jax.default_matmul_precision('highest'):
        ours, wanted = both(params)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        ours,
        wanted,
    )


@pytest.mark.parametrize(
    ('lengths', 'reverse'),
    [
        pytest.param((5, 3, 1), True, marks=pytest.mark.heavy),
        pytest.param(None, False, marks=pytest.mark.exhaustive),
        pytest.param((5, 3, 1), False, marks=pytest.mark.exhaustive),
        pytest.param(None, True, marks=pytest.mark.exhaustive),
    ],
)
def test_it_equals_the_layer_without_it(
    cudnn: None, lengths: tuple[int, ...] | None, reverse: bool
) -> None:
    lengths = None if lengths is None else jnp.array(lengths)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        found(LSTM(4, cudnn=True), lengths, reverse),
        found(LSTM(4), lengths, reverse),
    )


@pytest.mark.heavy
def test_half_precision_keeps_its_type(cudnn: None) -> None:
    layer = LSTM(4, cudnn=True, dtype=jnp.bfloat16)
    got, params = jax.jit(layer.init_with_output)(jax.random.key(0), INPUTS)
    assert {x.dtype.name for x in jax.tree.leaves(got)} == {'bfloat16'}
    wanted = jax.jit(LSTM(4).apply)(params, INPUTS)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(np.float32(a), b, atol=0.02),
        got,
        wanted,
    )


def test_double_precision_is_refused(cudnn: None) -> None:
    with jax.enable_x64(True), pytest.raises(ValueError, match='float64.*float32'):
        layer = LSTM(4, cudnn=True, dtype='float64')
        jax.eval_shape(layer.init, jax.random.key(0), INPUTS)


@pytest.mark.skipif(ON_GPU, reason='it runs on a GPU')
def test_it_is_refused_without_a_gpu() -> None:
    with pytest.raises(ValueError, match='cpu, wanted an NVIDIA GPU: leave cudnn'):
        jax.eval_shape(LSTM(4, cudnn=True).init, jax.random.key(0), INPUTS)
