"""What words add, where those that are not there are left out."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import explain
from dljax.models.text import TextClassifier, TextCNN
from dljax.types import Array

TOKENS = np.array([[3, 5, 4, 1, 0, 0], [6, 5, 3, 4, 7, 1]], np.int32)
LENGTH = np.array([4, 6], np.int32)


class Bag(nn.Module):
    """The sum of a number for each word, whatever their places."""

    @nn.compact
    def __call__(self, tokens: Array, length: Array, *, train: bool = False) -> Array:
        """Compute two logits."""
        table = self.param('table', nn.initializers.normal(), (8, 2))
        true = jnp.arange(tokens.shape[1])[None] < length[:, None]
        return jnp.where(true[..., None], table[tokens], 0).sum(1)


def test_in_a_bag_of_words_each_adds_its_own_number() -> None:
    variables = Bag().init(jax.random.key(0), TOKENS, LENGTH)
    table = np.asarray(variables['params']['table'])
    label = np.array([1, 0])
    run = jax.jit(nn.apply(functools.partial(explain.word_values, pairs=1), Bag()))
    found = run(variables, TOKENS, LENGTH, label)
    wanted = np.where(TOKENS > 1, table[TOKENS, label[:, None]], 0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    open_end = functools.partial(explain.word_values, pairs=1, end=None)
    found = jax.jit(nn.apply(open_end, Bag()))(variables, TOKENS, LENGTH, label)
    assert found[0, 3] != 0 and found[0, 4] == 0


@pytest.mark.parametrize(
    'net',
    [
        TextCNN(vocabulary=8, embedding=4, features=3),
        TextClassifier(vocabulary=8, embedding=4),
    ],
    ids=['cnn', 'recurrent'],
)
def test_the_values_add_up_to_what_the_words_change(net: nn.Module) -> None:
    variables = jax.jit(net.init)(jax.random.key(0), TOKENS, LENGTH)
    apply = jax.jit(net.apply)
    logits = apply(variables, TOKENS, LENGTH)
    said, rows = logits.argmax(1), np.arange(2)
    bare = np.zeros_like(TOKENS)
    bare[:, 0] = 1  # the end alone
    empty = apply(variables, bare, np.ones(2, np.int32))
    run = jax.jit(nn.apply(functools.partial(explain.word_values, pairs=2), net))
    found = run(variables, TOKENS, LENGTH)
    np.testing.assert_allclose(
        found.sum(1), logits[rows, said] - empty[rows, said], rtol=1e-4, atol=1e-5
    )


def test_words_that_are_left_out_leave_no_gap() -> None:
    keep = np.array([[True, False, True, True, False, False], [False] * 6])
    rest, length = jax.jit(explain.keep_words)(TOKENS, keep)
    np.testing.assert_array_equal(rest, [[3, 4, 1, 0, 0, 0], [0] * 6])
    np.testing.assert_array_equal(length, [3, 1])


def test_a_net_without_logits_is_refused() -> None:
    class Maps(Bag):
        """The same without the sum."""

        def __call__(self, tokens: Array, length: Array, *, train: bool = False):
            return super().__call__(tokens, length)[:, None]

    variables = Maps().init(jax.random.key(0), TOKENS, LENGTH)
    with pytest.raises(ValueError, match='wanted logits'):
        nn.apply(explain.word_values, Maps())(variables, TOKENS, LENGTH)


@pytest.mark.parametrize(
    ('tokens', 'length'),
    [
        (TOKENS[0], LENGTH[:1]),
        (TOKENS, LENGTH[:1]),
        (TOKENS.astype(np.float32), LENGTH),
        (TOKENS, LENGTH.astype(np.float32)),
    ],
)
def test_what_are_no_texts_is_refused(tokens: np.ndarray, length: np.ndarray) -> None:
    variables = Bag().init(jax.random.key(0), TOKENS, LENGTH)
    with pytest.raises(AssertionError):
        nn.apply(explain.word_values, Bag())(variables, tokens, length)
