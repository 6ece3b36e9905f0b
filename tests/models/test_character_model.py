"""Recurrent models: what they see, what they keep, what they refuse."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.layers import GRU, LSTM, Elman
from dljax.models.recurrent import CharacterModel
from dljax.types import PyTree

TOKENS = np.random.default_rng(0).integers(0, 9, (3, 12)).astype(np.int32)
CELLS = {'elman': Elman(6), 'lstm': LSTM(6), 'gru': GRU(6)}


def made(**settings: object) -> tuple[CharacterModel, PyTree]:
    net = CharacterModel(**{'vocabulary': 9, 'cell': LSTM(6), **settings})
    shapes = jax.eval_shape(net.init, jax.random.key(0), TOKENS)
    rng = np.random.default_rng(1)
    return net, jax.tree.map(
        lambda leaf: rng.normal(scale=0.5, size=leaf.shape).astype(leaf.dtype), shapes
    )


@pytest.mark.others('heavy')
@pytest.mark.parametrize('cell', CELLS)
def test_a_prediction_sees_the_past_and_not_the_future(cell: str) -> None:
    net, variables = made(cell=CELLS[cell], layers=2)
    apply = jax.jit(net.apply)
    logits = np.asarray(apply(variables, TOKENS))
    changed = TOKENS.copy()
    changed[:, 5] = (changed[:, 5] + 1) % 9
    again = np.asarray(apply(variables, changed))
    np.testing.assert_array_equal(again[:, :5], logits[:, :5])
    assert np.all(np.abs(again[:, 5:] - logits[:, 5:]).max(axis=(0, 2)) > 0)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('cell', CELLS)
def test_reading_on_from_a_carry_equals_one_pass(cell: str) -> None:
    net, variables = made(cell=CELLS[cell], layers=2, residual=True)
    read = jax.jit(functools.partial(net.apply, method='read'))
    logits = jax.jit(net.apply)(variables, TOKENS)
    carry, parts = None, []
    for start in range(0, 12, 4):
        part = TOKENS[:, start : start + 4]
        logit, carry = read(variables, part, carry)
        parts.append(logit)
    np.testing.assert_allclose(np.concatenate(parts, 1), logits, atol=1e-5)


@pytest.mark.heavy
def test_dropout_acts_in_training_on_what_the_logits_are_made_of() -> None:
    net, variables = made(dropout=0.5)
    plain, widths = made()[0], []

    @jax.jit
    def trained(seed: int) -> tuple[jax.Array, list[jax.Array]]:
        seen = []

        def watch(following, arguments, keywords, context):
            output = following(*arguments, **keywords)
            if isinstance(context.module, nn.Dropout):
                widths.append(arguments[0].shape[-1])
                seen.append((output == 0).mean())
            return output

        rngs = {'dropout': jax.random.key(seed)}
        with nn.intercept_methods(watch):
            return net.apply(variables, TOKENS, train=True, rngs=rngs), seen

    rngs = {'dropout': jax.random.key(0)}
    calm = jax.jit(net.apply)(variables, TOKENS, rngs=rngs)
    np.testing.assert_array_equal(calm, jax.jit(plain.apply)(variables, TOKENS))
    (one, seen), (other, _) = trained(0), trained(1)
    assert np.any(np.asarray(one) != other)
    assert widths == [6]
    assert all(0.3 < kept < 0.7 for kept in seen)


def test_the_three_groups_have_their_names() -> None:
    assert set(made()[1]['params']) == {'embedding', 'recurrent', 'output'}


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'vocabulary': 1}, 'vocabulary is 1'),
        ({'embedding': 0}, 'embedding is 0'),
        ({'layers': 0}, 'layers is 0'),
    ],
)
def test_a_size_out_of_range_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(**settings)


def test_the_logits_are_of_the_type_of_the_computation() -> None:
    net, variables = made(dtype=jnp.bfloat16)
    assert jax.eval_shape(net.apply, variables, TOKENS).dtype == jnp.bfloat16
