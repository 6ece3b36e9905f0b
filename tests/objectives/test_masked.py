"""Filling gaps: what is hidden, what is judged, and a rule that is learned."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import create_model
from dljax.data import resident
from dljax.objectives import predict_masked, score_masked
from dljax.objectives.masked import hide
from dljax.training import Player, evaluate, fit, learner
from dljax.types import Array

TOKENS = np.random.default_rng(0).integers(3, 50, (64, 40)).astype(np.int32)
LENGTHS = np.random.default_rng(1).integers(1, 41, 64).astype(np.int32)


class Guess(nn.Module):
    """A net that is sure of token 7 everywhere."""

    vocabulary: int = 50

    @nn.compact
    def fill(self, tokens: Array, length: Array, *, train: bool = False) -> Array:
        odds = self.param('odds', nn.initializers.zeros, (self.vocabulary,))
        logits = odds + 100.0 * jax.nn.one_hot(7, self.vocabulary)
        return jnp.broadcast_to(logits, (*tokens.shape, self.vocabulary))


def test_of_the_chosen_most_are_hidden_and_some_are_changed_or_kept() -> None:
    tokens = np.full((400, 100), 7, np.int32)
    where = np.ones(tokens.shape, bool)
    where[:, 50:] = False
    seen, chosen = hide(jax.random.key(0), tokens, where, 50, mask=2)
    assert not chosen[:, 50:].any() and (seen[~chosen] == 7).all()
    assert abs(chosen[:, :50].mean() - 0.15) < 0.01
    fates = seen[chosen]
    assert abs((fates == 2).mean() - (0.8 + 0.1 / 50)) < 0.02
    assert abs((fates == 7).mean() - (0.1 + 0.1 / 50)) < 0.02
    assert len(np.unique(fates)) == 50


def test_each_sequence_has_a_gap_but_one_without_a_place() -> None:
    where = np.zeros((3, 9), bool)
    where[0, 4], where[1] = True, True
    tokens = np.full((3, 9), 7, np.int32)
    _, chosen = hide(jax.random.key(1), tokens, where, 50, mask=2, fraction=1e-6)
    assert chosen[0, 4] and chosen.sum(1).tolist() == [1, 1, 0]


def test_the_chosen_places_alone_are_judged() -> None:
    net, tokens = Guess(), np.full((64, 40), 7, np.int32)
    tokens[:, 20:] = 9
    batch = {'tokens': tokens, 'length': np.full(64, 20, np.int32)}
    score = nn.apply(score_masked(2), net)
    variables = {'params': {'odds': jnp.zeros(50)}}
    for count, right in ((20, 1.0), (40, 0.5)):
        found = score(variables, {**batch, 'length': np.full(64, count)}, 0)
        assert abs(found['accuracy'].mean() - right) < 0.1
        wanted = 100 * (1 - found['accuracy'])
        np.testing.assert_allclose(found['loss'], wanted, rtol=1e-5)
    none = score(variables, {**batch, 'tokens': np.zeros_like(tokens)}, 0)
    assert (none['loss'] == 0).all()
    odd = score(variables, {**batch, 'tokens': np.full_like(tokens, 50)}, 0)
    assert np.isnan(odd['loss']).all() and np.isnan(odd['accuracy']).all()


@pytest.mark.parametrize(
    ('loss', 'batch', 'message'),
    [
        (lambda: predict_masked(2, fraction=0.0), {}, 'fraction is 0.0'),
        (lambda: predict_masked(50), {}, r'mask is 50, wanted a token in \[0, 50\)'),
        (lambda: predict_masked(2), {'tokens': TOKENS + 50}, "'tokens' of example"),
        (lambda: predict_masked(2), {'length': LENGTHS * 0}, "'length'"),
    ],
)
def test_what_cannot_be_is_refused(loss: object, batch: dict, message: str) -> None:
    data = {'tokens': TOKENS, 'length': LENGTHS, **batch}
    with pytest.raises(ValueError, match=message):
        train = learner(Guess(), {'model': Player(optax.sgd(0.1), loss=loss())})
        fit(train, resident(data, 8), steps=1, key=jax.random.key(0))


@pytest.mark.heavy
def test_a_net_learns_to_fill_gaps_by_what_stands_around() -> None:
    # Each sequence counts on from a number of its own: any neighbour tells the gap.
    rng = np.random.default_rng(0)
    start = rng.integers(0, 8, (600, 1))
    tokens = (3 + (start + np.arange(8)) % 8).astype(np.int32)
    data = {'tokens': tokens, 'length': np.full(600, 8, np.int32)}
    net = create_model(
        'bert_base',
        **{'vocabulary': 11, 'context': 8, 'width': 32, 'layers': 2, 'heads': 2},
        hidden=64,
        dropout=0.0,
    )
    player = Player(optax.adam(3e-3), loss=predict_masked(2))
    train = learner(net, {'model': player})
    state, _ = fit(
        train, resident(data, 50), steps=400, key=jax.random.key(0), chunk=50
    )
    found = evaluate(net, score_masked(2), state, [data])
    assert found['accuracy'] > 0.8  # chance is 1 in 8
