"""Nets that read words: padding changes nothing, and the arithmetic is the paper's."""

import functools

import jax
import numpy as np
import pytest
from flax import linen as nn

from dljax.layers import GRU, RecurrentStack
from dljax.models.text import TextClassifier, TextCNN
from dljax.types import PyTree

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(1, 9, (3, 6)).astype(np.int32)
LENGTH = np.array([6, 3, 1], np.int32)
NETS = {
    'cnn': TextCNN(vocabulary=9, classes=3, embedding=4, windows=(2, 5), features=3),
    'recurrent': TextClassifier(
        vocabulary=9,
        classes=3,
        embedding=4,
        stack=RecurrentStack(GRU(5), bidirectional=True),
        average=True,
    ),
}


@functools.cache
def variables(name: str) -> PyTree:
    shapes = jax.eval_shape(NETS[name].init, jax.random.key(0), TOKENS, LENGTH)
    draw = np.random.default_rng(1)
    return jax.tree.map(lambda x: draw.normal(size=x.shape).astype(np.float32), shapes)


@functools.cache
def call(name: str):
    return jax.jit(NETS[name].apply)


@pytest.mark.parametrize('name', NETS)
def test_neither_what_stands_in_the_padding_nor_its_width_counts(name: str) -> None:
    found = call(name)(variables(name), TOKENS, LENGTH)
    beyond = np.arange(6)[None] >= LENGTH[:, None]
    other = np.where(beyond, 8, TOKENS).astype(np.int32)
    wide = np.pad(other, ((0, 0), (0, 6)), constant_values=3)
    again = call(name)(variables(name), wide, LENGTH)
    np.testing.assert_allclose(again, found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name', NETS)
def test_a_word_that_is_none_spoils_its_text_alone(name: str) -> None:
    for word in (-1, 9):
        tokens = TOKENS.copy()
        tokens[1, 2], tokens[2, 4] = word, word  # the second one is padding
        found = np.asarray(call(name)(variables(name), tokens, LENGTH))
        assert np.isnan(found[1]).all() and np.isfinite(found[[0, 2]]).all()


def test_the_largest_response_of_each_filter_counts() -> None:
    params = variables('cnn')['params']
    found = call('cnn')(variables('cnn'), TOKENS, LENGTH)
    vectors = np.asarray(params['embedding']['embedding'])
    for tokens, length, logits in zip(TOKENS, LENGTH, found, strict=True):
        words, summary = vectors[tokens[:length]], []
        for size in (2, 5):
            layer = params[f'windows_of_{size}']
            padded = np.pad(words, ((size - 1, size - 1), (0, 0)))
            responses = [
                np.einsum('wi,wio->o', padded[i : i + size], layer['kernel'])
                + layer['bias']
                for i in range(len(words) + size - 1)
            ]
            summary += list(np.maximum(np.max(responses, axis=0), 0))
        wanted = np.array(summary) @ params['output']['kernel']
        np.testing.assert_allclose(
            logits, wanted + params['output']['bias'], rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize('kind', [TextCNN, TextClassifier])
def test_settings_out_of_range_are_refused(kind: type[nn.Module]) -> None:
    with pytest.raises(ValueError, match='classes is 1'):
        kind(classes=1)
    with pytest.raises(ValueError, match='vocabulary is 0'):
        kind(vocabulary=0)
    with pytest.raises(ValueError, match='dropout is 1'):
        kind(dropout=1.0)
    with pytest.raises(ValueError, match='windows is empty'):
        TextCNN(windows=())


def test_the_words_of_a_text_cnn_begin_around_zero() -> None:
    drawn = TextCNN.embedding_init(jax.random.key(0), (500, 30))
    assert abs(float(drawn.mean())) < 0.01  # of [0, 0.5) it is 0.25
    np.testing.assert_allclose([drawn.min(), drawn.max()], [-0.25, 0.25], atol=1e-3)
    np.testing.assert_allclose(drawn.std(), 0.5 / 12**0.5, atol=2e-3)
