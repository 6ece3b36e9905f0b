"""Autoencoders with a codebook: what moves, what does not, and over devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import create_model, data
from dljax.metrics import code_perplexity
from dljax.models.container import container
from dljax.objectives import quantise_codes, score_quantised, within
from dljax.training import Player, evaluate, fit, learner, replicated
from dljax.types import State

IMAGES = np.random.default_rng(0).random((8, 8, 8, 1), np.float32)
SMALL = {'codes': 4, 'features': 2, 'width': 4, 'blocks': 1, 'channels': 1}


def make(**settings):
    return create_model('vqvae', **SMALL, **settings)


def same(first, second) -> bool:
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, first, second)))


@functools.cache
def played(averaged: bool) -> tuple[nn.Module, State, State]:
    """Let one of two nets play."""
    net = container(mine=make(averaged=averaged), other=make(averaged=averaged))

    def both(net, batch, step):  # the other is looked at, in evaluation mode
        return (
            quantise_codes()(net.mine, batch, step)[0]
            + score_quantised()(net.other, batch, step)['squared_error'].mean(),
            {},
        )

    train = learner(net, {'mine': Player(optax.sgd(0.1), loss=both, trains=('mine',))})
    state = jax.jit(train.init)(jax.random.key(0), {'image': IMAGES})
    return (
        net,
        state,
        jax.jit(train.update)(jax.random.key(0), state, {'image': IMAGES})[0],
    )


def test_a_turn_moves_the_players_own_net_and_codebook_only():
    _, before, after = played(True)
    for name in ('encoder', 'decoder'):
        assert not same(before.params['mine'][name], after.params['mine'][name])
    assert same(before.params['other'], after.params['other'])
    books = before.collections['codebook'], after.collections['codebook']
    assert not same(books[0]['mine'], books[1]['mine'])
    assert same(books[0]['other'], books[1]['other'])
    assert 'quantiser' not in before.params['mine']


def test_a_learned_codebook_is_a_group_of_the_parameters_and_moves():
    _, before, after = played(False)
    assert not same(
        before.params['mine']['quantiser'], after.params['mine']['quantiser']
    )
    assert same(before.params['other'], after.params['other'])
    assert 'codebook' not in before.collections


def test_evaluation_moves_nothing_and_its_errors_are_those_of_the_images():
    net, state, _ = played(True)
    found = evaluate(net, within('mine', score_quantised()), state, [{'image': IMAGES}])
    variables = {'params': state.params, **state.collections}
    rebuild = nn.apply(lambda net, image: net.mine.reconstruct(image), net)
    error = (np.asarray(rebuild(variables, IMAGES)) - IMAGES) ** 2
    np.testing.assert_allclose(found['squared_error'], error.sum() / 8, rtol=1e-5)


def test_the_loss_is_reconstruction_and_weighted_commitment():
    net = make(averaged=False, logits=True)
    variables = net.init(jax.random.key(0), IMAGES)

    @jax.jit
    def losses(variables):
        given = [(0.0, False), (2.0, False), (0.0, True)]
        return [
            nn.apply(quantise_codes(commitment=beta, squared=squared), net)(
                variables, {'image': IMAGES}, 0
            )[0]
            for beta, squared in given
        ], net.apply(variables, IMAGES)

    (bare, weighed, squared), made = losses(variables)
    distance = np.asarray(made.commitment).sum() / len(IMAGES)
    logits = np.asarray(made.outputs, np.float64)
    entropy = (np.logaddexp(0, logits) - IMAGES * logits).sum() / len(IMAGES)
    np.testing.assert_allclose(bare, entropy + distance, rtol=1e-5)
    np.testing.assert_allclose(weighed - bare, 2 * distance, rtol=1e-3)
    error = ((1 / (1 + np.exp(-logits)) - IMAGES) ** 2).sum() / len(IMAGES)
    np.testing.assert_allclose(squared, error + distance, rtol=1e-5)


@pytest.mark.heavy
def test_the_codebook_of_two_devices_is_that_of_their_whole_batch():
    net = make()
    players = {'vqvae': Player(optax.sgd(0.0), loss=quantise_codes())}
    batch = {'image': IMAGES}
    one = learner(net, players)
    state = one.init(jax.random.key(0), batch)
    alone = jax.jit(one.update)(jax.random.key(0), state, batch)[0]
    devices = jax.devices()[:2]
    two = replicated(learner(net, players, axis='data'), devices)
    start = two.init(jax.random.key(0), batch)
    moved = two.update(jax.random.key(0), start, batch)[0]
    wanted = alone.collections['codebook']['quantiser']
    got = jax.tree.map(np.asarray, moved.collections['codebook']['quantiser'])
    # A device counts the hits of its half.
    fresh = state.collections['codebook']['quantiser']
    for name in ('sums', 'counts'):
        step = np.asarray(wanted[name]) - 0.99 * np.asarray(fresh[name])
        mine = got[name].reshape(-1, *step.shape)[0] - 0.99 * np.asarray(fresh[name])
        np.testing.assert_allclose(mine, step / 2, atol=1e-5)


@pytest.mark.heavy
def test_images_of_four_kinds_are_learned_by_four_codes():
    rng = np.random.default_rng(3)
    kinds = rng.random((4, 1, 1, 1), np.float32) * np.ones((1, 4, 4, 1), np.float32)
    kinds[1, :2] = 1.0
    kinds[2, 2:] = 0.0
    images = kinds[rng.integers(0, 4, 256)]
    net = create_model('vqvae', **{**SMALL, 'width': 16}, restart=0.1)
    players = {'vqvae': Player(optax.adam(1e-2), loss=quantise_codes())}
    state, _ = fit(
        learner(net, players),
        data.resident({'image': images}, 32),
        steps=400,
        key=jax.random.key(0),
        chunk=100,
    )
    found = evaluate(net, score_quantised(), state, [{'image': images}])
    spread = ((images - images.mean(0)) ** 2).sum((1, 2, 3)).mean()
    assert found['squared_error'] < 0.05 * spread


def test_perplexity_counts_the_codes_in_use():
    indices = np.array([[0, 1, 1, 3], [3, 3, 1, 3]])
    p = np.bincount(indices.ravel()) / 8
    wanted = np.exp(-(p[p > 0] * np.log(p[p > 0])).sum())
    np.testing.assert_allclose(code_perplexity(indices, 4), wanted, rtol=1e-6)
    assert code_perplexity(jnp.zeros(5, jnp.int32), 9) == 1
    np.testing.assert_allclose(code_perplexity(jnp.arange(7), 7), 7, rtol=1e-6)
    assert np.isnan(code_perplexity(jnp.array([7]), 7))
    assert np.isnan(code_perplexity(jnp.array([-1]), 7))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='commitment is -1, wanted at least 0'):
        quantise_codes(commitment=-1)
    net = make()
    wrong = r'\(1, 8, 6, 1\), wanted 1 channels and sides that are multiples of 4'
    with pytest.raises(ValueError, match=wrong):
        jax.eval_shape(net.init, jax.random.key(0), np.ones((1, 8, 6, 1)))
    with pytest.raises(ValueError, match='wanted 1 channels'):
        jax.eval_shape(net.init, jax.random.key(0), np.ones((1, 8, 8, 3)))
    with pytest.raises(ValueError, match='blocks is -1'):
        create_model('vqvae', blocks=-1)
