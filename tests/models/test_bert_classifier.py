"""BERT with a head: what it computes, what it takes over, and what it refuses."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dljax import create_model
from dljax.data import resident
from dljax.models.attention.bert import Bert
from dljax.models.attention.bert_classifier import BertClassifier
from dljax.models.fields import reconfigured
from dljax.objectives import classify, score_classes
from dljax.training import Player, evaluate, fit, learner
from dljax.types import Array, PyTree

RNG = np.random.default_rng(0)
SMALL = {'context': 9, 'width': 8, 'layers': 2, 'heads': 2, 'hidden': 16}
TOKENS = RNG.integers(2, 11, (3, 6)).astype(np.int32)
LENGTHS = np.array([6, 3, 4], np.int32)
NET = BertClassifier(Bert(11, **SMALL), classes=3)


@functools.cache
def variables() -> PyTree:
    shapes = jax.eval_shape(NET.init, jax.random.key(0), TOKENS, LENGTHS)
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(size=leaf.shape) / 2, leaf.dtype), shapes
    )


apply = jax.jit(NET.apply, static_argnames='train')


def test_the_logits_are_a_product_of_the_encoders_summary() -> None:
    params = variables()['params']
    assert params.keys() == {'bert', 'output'}
    logits = apply(variables(), TOKENS, LENGTHS)
    _, summary = jax.jit(NET.encoder.apply)({'params': params['bert']}, TOKENS, LENGTHS)
    wanted = summary @ params['output']['kernel'] + params['output']['bias'][None]
    assert logits.shape == (3, 3)
    np.testing.assert_allclose(logits, wanted, rtol=1e-5, atol=1e-5)


def test_what_an_encoder_learned_by_filling_gaps_fits() -> None:
    filled = jax.eval_shape(
        functools.partial(NET.encoder.init, method='fill'), jax.random.key(0), TOKENS
    )['params']
    taken = variables()['params']['bert']
    shared = filled.keys() & taken.keys()
    assert taken.keys() - shared == {'pooler'}
    assert filled.keys() - shared == {'masked'}
    for name in shared:
        jax.tree.map(
            lambda a, b: np.testing.assert_equal(a.shape, b.shape),
            filled[name],
            taken[name],
        )


def test_padding_changes_nothing_and_no_class_sees_another_text() -> None:
    logits = apply(variables(), TOKENS, LENGTHS)
    true = np.arange(6) < LENGTHS[:, None]
    np.testing.assert_array_equal(
        logits, apply(variables(), np.where(true, TOKENS, 5), LENGTHS)
    )
    for row, length in enumerate(LENGTHS):
        alone = apply(variables(), TOKENS[row : row + 1, :length])
        np.testing.assert_allclose(logits[row], alone[0], rtol=1e-4, atol=1e-4)


def test_dropout_acts_on_the_summary_in_training_only() -> None:
    calm = NET.clone(encoder=NET.encoder.clone(dropout=0.0), dropout=0.9)
    run = jax.jit(calm.apply, static_argnames='train')
    still = run(variables(), TOKENS, LENGTHS)
    noise = {'dropout': jax.random.key(0)}
    np.testing.assert_array_equal(still, apply(variables(), TOKENS, LENGTHS))
    moved = run(variables(), TOKENS, LENGTHS, train=True, rngs=noise)
    assert not np.allclose(moved, still)


def test_segments_are_read() -> None:
    kinds = (np.arange(6)[None] > 2).astype(np.int32).repeat(3, axis=0)
    plain = apply(variables(), TOKENS, LENGTHS)
    assert not np.allclose(apply(variables(), TOKENS, LENGTHS, kinds), plain)


def test_a_token_that_is_none_makes_the_logits_of_its_text_nan() -> None:
    tokens = TOKENS.copy()
    tokens[1, 2] = 11
    nan = np.isnan(apply(variables(), tokens, LENGTHS)).any(1)
    assert nan.tolist() == [False, True, False]


def test_types_reach_the_encoder_and_settings_its_row() -> None:
    half = create_model('bert_classifier', vocabulary=11, dropout=0.3, **SMALL)
    assert half.dropout == half.encoder.dropout == 0.3
    assert half.classes == 2
    for net in (reconfigured(half, dtype='bfloat16'), half.clone(dtype='bfloat16')):
        made = functools.partial(net.init_with_output, jax.random.key(0))
        logits, given = jax.eval_shape(made, TOKENS)
        assert logits.dtype == jnp.bfloat16
        assert {leaf.dtype.name for leaf in jax.tree.leaves(given)} == {'float32'}


@pytest.mark.heavy
def test_texts_are_told_apart_by_what_stands_anywhere_in_them() -> None:
    """The class is whether token 3 occurs, which no first token tells."""
    rng = np.random.default_rng(2)
    tokens = rng.integers(4, 11, (64, 6)).astype(np.int32)
    label = np.arange(64) % 2
    tokens[np.flatnonzero(label), rng.integers(1, 6, 32)] = 3
    tokens[:, 0] = 2
    texts = {
        'tokens': tokens,
        'length': np.full(64, 6, np.int32),
        'label': label.astype(np.int32),
    }
    net = create_model('bert_classifier', vocabulary=11, dropout=0.0, **SMALL)
    features = ('tokens', 'length')
    player = Player(optax.adam(1e-2), loss=classify(features))
    train = learner(net, {'classifier': player})
    state, _ = fit(train, resident(texts, 32), steps=60, key=jax.random.key(0))
    scores = evaluate(net, score_classes(features), state, [texts])
    assert scores['accuracy'] > 0.95


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: BertClassifier(classes=1), 'classes is 1'),
        (lambda: BertClassifier(dropout=1.0), 'dropout is 1.0'),
        (lambda: create_model('bert_classifier', width=700), 'multiple of the heads'),
    ],
)
def test_what_does_not_fit_is_refused(make: functools.partial, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def gradient(params: PyTree) -> PyTree:
    def loss(params: PyTree) -> Array:
        return (NET.apply({'params': params}, TOKENS, LENGTHS) ** 2).sum()

    return jax.grad(loss)(params)


def test_a_gradient_reaches_the_pooler_and_every_block() -> None:
    found = jax.jit(gradient)(variables()['params'])
    for path, leaf in jax.tree_util.tree_leaves_with_path(found):
        # A shift of all keys alike changes no softmax.
        if 'key' not in jax.tree_util.keystr(path) or leaf.ndim > 1:
            assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)
