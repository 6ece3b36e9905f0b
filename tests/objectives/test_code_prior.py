"""A prior over codes: what it learns from, what it costs, and what is drawn."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy import special

from dljax import create_model
from dljax.models.container import container
from dljax.objectives import draw_codes, predict_codes, score_codes
from dljax.training import Player, learner
from dljax.types import PyTree

CODES, CLASSES = 5, 3
IMAGES = np.random.default_rng(0).random((4, 4, 6, 1), np.float32)
BATCH = {'image': IMAGES, 'label': np.int32([2, 0, 1, 2])}


def make(vocabulary: int = CODES + CLASSES) -> nn.Module:
    return container(
        autoencoder=create_model(
            'vqvae', codes=CODES, features=2, width=4, blocks=0, halvings=1, channels=1
        ),
        prior=create_model(
            'gpt_character',
            vocabulary=vocabulary,
            context=7,
            width=8,
            layers=1,
            heads=2,
            deviation=0.5,
        ),
    )


@functools.cache
def prepared() -> tuple[nn.Module, PyTree]:
    net = make()
    start = nn.init(predict_codes(condition='label'), net)
    variables = dict(jax.jit(start)(jax.random.key(0), BATCH, 0))
    # Vectors among those of the images, so that several codes are in use.
    vectors = nn.apply(lambda net, image: net.autoencoder.encoder(image), net)(
        variables, IMAGES
    ).reshape(-1, 2)
    book = {'sums': vectors[::5][:CODES], 'counts': jnp.ones(CODES)}
    return net, {**variables, 'codebook': {'autoencoder': {'quantiser': book}}}


def test_an_image_costs_its_codes_one_after_the_other_given_its_class():
    net, variables = prepared()

    @jax.jit
    def run(variables: PyTree) -> tuple:
        scores = nn.apply(score_codes(condition='label'), net)(variables, BATCH, 0)
        codes = nn.apply(lambda net, x: net.autoencoder.encode(x), net)(
            variables, IMAGES
        )
        flat = codes.reshape(4, -1)
        tokens = jnp.concatenate([CODES + BATCH['label'][:, None], flat], axis=1)
        return (
            scores,
            flat,
            nn.apply(lambda net, t: net.prior(t), net)(variables, tokens),
        )

    scores, codes, logits = jax.tree.map(np.asarray, run(variables))
    assert codes.shape == (4, 6) and len(np.unique(codes)) > 2
    odds = special.log_softmax(logits[:, :-1].astype(np.float64), axis=2)
    bits = -np.take_along_axis(odds, codes[..., None], 2)[..., 0] / np.log(2)
    np.testing.assert_allclose(scores['bits'], bits.sum(1), rtol=1e-4)
    np.testing.assert_allclose(scores['bits_per_code'], bits.mean(1), rtol=1e-4)


def test_the_prior_learns_and_the_autoencoder_stays_even_where_both_may_move():
    net, variables = prepared()
    train = learner(
        net, {'prior': Player(optax.sgd(0.1), loss=predict_codes(condition='label'))}
    )
    state = jax.jit(train.init)(jax.random.key(0), BATCH)
    params = variables['params']
    state = state.replace(
        params=params, collections={'codebook': variables['codebook']}
    )
    moved, metrics = jax.jit(train.update)(jax.random.key(0), state, BATCH)
    equal = jax.tree.map(np.array_equal, params, moved.params)
    assert all(jax.tree.leaves(equal['autoencoder']))
    assert not any(jax.tree.leaves(equal['prior']['decoder']))
    jax.tree.map(np.testing.assert_array_equal, moved.collections, state.collections)
    nats = metrics['prior/bits_per_code'] * np.log(2)
    np.testing.assert_allclose(nats, metrics['prior/loss'], rtol=1e-5)


def test_drawn_codes_are_as_frequent_as_the_prior_says_and_know_their_class():
    net, variables = prepared()

    @jax.jit
    def run(variables: PyTree, label: jax.Array) -> tuple:
        drawn = nn.apply(
            lambda net: draw_codes(net, jax.random.key(1), (4000, 2, 3), label), net
        )(variables)
        first = jnp.arange(CODES, CODES + CLASSES)[:, None]
        odds = nn.apply(lambda net: jax.nn.softmax(net.prior(first)[:, 0]), net)(
            variables
        )
        return drawn, odds

    label = np.arange(4000, dtype=np.int32) % CLASSES
    drawn, odds = jax.tree.map(np.asarray, run(variables, label))
    assert drawn.shape == (4000, 2, 3) and drawn.min() >= 0 and drawn.max() < CODES
    wanted = odds[:, :CODES] / odds[:, :CODES].sum(1, keepdims=True)  # no other token
    assert np.abs(wanted[0] - wanted[1]).max() > 0.1  # the classes differ
    for kind in range(CLASSES):
        counts = np.bincount(drawn[label == kind, 0, 0], minlength=CODES)
        np.testing.assert_allclose(counts / counts.sum(), wanted[kind], atol=0.05)


def test_a_prior_without_a_token_for_each_class_is_refused():
    with pytest.raises(ValueError, match='a vocabulary of 5, wanted more than the 5'):
        predict_codes().check(make(CODES), BATCH)
    with pytest.raises(ValueError, match="'label' of example 0 is 2"):
        predict_codes(condition='label').check(make(CODES + 2), BATCH)
    predict_codes(condition='label').check(make(), BATCH)
