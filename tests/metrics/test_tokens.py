"""Scores of tokens, worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.metrics import accuracy, perplexity, token_accuracy

RNG = np.random.default_rng(0)


def test_the_accuracy_of_tokens_is_that_of_the_logits_they_were_taken_from() -> None:
    logits = RNG.normal(size=(4, 20, 3)).astype(np.float32)
    targets, where = RNG.integers(0, 3, (4, 20)), RNG.uniform(size=(4, 20)) < 0.6
    where[3] = False
    tokens = logits.argmax(axis=-1)
    measure = jax.jit(lambda where: token_accuracy(tokens, targets, where=where))
    got = measure(where)
    np.testing.assert_allclose(got, accuracy(logits, targets, where=where), rtol=1e-6)
    assert got.dtype == jnp.float32 and got[3] == 0 and 0 < got[0] < 1
    every = jax.jit(token_accuracy)(tokens, targets)
    np.testing.assert_allclose(every, (tokens == targets).mean(axis=1), rtol=1e-6)


def test_perplexity_is_of_all_tokens_and_not_a_mean_of_sequences() -> None:
    nats, tokens = np.float32([3 * np.log(2), 9 * np.log(5)]), np.array([3, 9])
    got = jax.jit(perplexity)(nats, tokens)
    np.testing.assert_allclose(got, 2**0.25 * 5**0.75, rtol=1e-5)
    # Of a uniform guess it is the vocabulary.
    guess = np.full(7, 4 * np.log(30), np.float32)
    np.testing.assert_allclose(perplexity(guess, np.full(7, 4)), 30, rtol=1e-5)
    assert np.isnan(perplexity(np.zeros(2), np.zeros(2)))


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ValueError, match=r'shapes \[\(2, 3\), \(2, 1\)\]'):
        token_accuracy(np.ones((2, 3)), np.ones((2, 1)))
    with pytest.raises(ValueError, match='where have shapes'):
        token_accuracy(np.ones((2, 3)), np.ones((2, 3)), where=np.ones(2))
    with pytest.raises(ValueError, match=r'nats have shape \(2,\) and tokens \(\)'):
        perplexity(np.ones(2), 3)
