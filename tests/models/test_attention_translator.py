"""The translator looks at the source where it may, step by step as at once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import GRU, LSTM, RecurrentStack
from dljax.models.recurrent import AttentionTranslator
from dljax.types import Array, PyTree

RNG = np.random.default_rng(0)
SOURCE = RNG.integers(2, 9, (3, 6)).astype(np.int32)
TARGET = RNG.integers(2, 7, (3, 4)).astype(np.int32)
LENGTH = np.array([6, 4, 1], np.int32)
LAYERS = {'gru': GRU, 'lstm': LSTM}


@functools.cache
def made(cell: str) -> tuple[AttentionTranslator, PyTree]:
    layer = LAYERS[cell](5)
    net = AttentionTranslator(
        source_tokens=9,
        target_tokens=7,
        embedding=4,
        encoder=RecurrentStack(layer, bidirectional=True),
        decoder=RecurrentStack(layer, layers=2),
        attention=6,
    )
    shapes = jax.eval_shape(net.init, jax.random.key(0), SOURCE, TARGET)
    draw = np.random.default_rng(1)
    return net, jax.tree.map(
        lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), shapes
    )


@functools.cache
def outputs(cell: str) -> tuple[np.ndarray, np.ndarray]:
    """The logits, and the weights of the attention."""
    net, variables = made(cell)
    logits, found = jax.jit(functools.partial(net.apply, mutable=['intermediates']))(
        variables, SOURCE, TARGET, LENGTH
    )
    return np.asarray(logits), np.asarray(found['intermediates']['weights'][0][:, 0])


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize('cell', ['gru', 'lstm'])
def test_step_by_step_it_predicts_what_it_does_at_once(cell: str) -> None:
    net, variables = made(cell)

    def one_by_one(variables: PyTree) -> Array:
        carry = net.apply(variables, SOURCE, LENGTH, method='begin')
        before = jnp.pad(TARGET, ((0, 0), (1, 0)), constant_values=1)[:, :-1]
        steps = []
        for token in before.T:
            logits, carry = net.apply(variables, token[:, None], carry, method='read')
            steps.append(logits[:, 0])
        return jnp.stack(steps, axis=1)

    found = jax.jit(one_by_one)(variables)
    np.testing.assert_allclose(found, outputs(cell)[0], rtol=1e-5, atol=1e-5)


def test_the_attention_is_to_true_places_and_adds_up_to_one() -> None:
    weights = outputs('gru')[1]
    assert weights.shape == (3, 4, 6)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-6)
    beyond = np.arange(6)[None] >= LENGTH[:, None]
    assert not weights[np.broadcast_to(beyond[:, None], weights.shape)].any()
    assert weights[0].std() > 1e-3


def test_what_stands_in_the_padding_changes_nothing() -> None:
    net, variables = made('gru')
    beyond = np.arange(6)[None] >= LENGTH[:, None]
    other = np.where(beyond, 8, SOURCE)
    found = jax.jit(net.apply)(variables, other, TARGET, LENGTH)
    np.testing.assert_allclose(found, outputs('gru')[0], rtol=1e-5, atol=1e-6)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match='wanted at least 2 and 3'):
        AttentionTranslator(target_tokens=2)
    with pytest.raises(ValueError, match='attention is 0'):
        AttentionTranslator(attention=0)
    with pytest.raises(ValueError, match='decoder is bidirectional'):
        AttentionTranslator(decoder=RecurrentStack(GRU(4), bidirectional=True))
