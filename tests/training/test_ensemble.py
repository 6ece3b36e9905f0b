"""Members of an ensemble are the runs that they would be alone."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import resident, stream
from dljax.kernels.tracing import convolves_on_cpu
from dljax.training import Player, ensemble, evaluate, fit, learner, member
from dljax.types import Array, fold
from tests.training.sources import by_key

KEY = jax.random.key(7)
RNG = np.random.default_rng(0)
SET = {
    'x': RNG.normal(size=(12, 4, 4, 1)).astype(np.float32),
    'y': RNG.normal(size=(12,)).astype(np.float32),
}


class Flat(nn.Module):
    """Dense and dropout."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Answer with one number an image."""
        x = nn.relu(nn.Dense(4)(x.reshape(len(x), -1)))
        return nn.Dense(1)(nn.Dropout(0.5, deterministic=False)(x))[:, 0]


class Convolved(nn.Module):
    """A convolution."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Answer with one number an image."""
        return nn.Dense(1)(nn.relu(nn.Conv(2, (3, 3))(x)).mean((1, 2)))[:, 0]


def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}


def player(rate: float = 0.05) -> Player:
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=rate)
    return Player(optimizer, loss=loss)


def assert_close(left: object, right: object, atol: float = 1e-5) -> None:
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, atol=atol, rtol=1e-5)


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize('net', [Flat(), Convolved()], ids=['mapped', 'unrolled'])
def test_a_member_is_the_run_alone_with_its_key(net: nn.Module) -> None:
    alone = learner(net, {'p': player()})
    source = by_key(SET, 4)
    state, metrics = fit(*ensemble(alone, source, 2), steps=3, key=KEY)
    assert metrics['p/loss'].shape == (3, 2)
    for index in range(2):
        single, history = fit(alone, source, steps=3, key=fold(KEY, index))
        assert_close(member(state, index), single)
        assert_close(metrics['p/loss'][:, index], history['p/loss'])
    assert not np.allclose(metrics['p/loss'][:, 0], metrics['p/loss'][:, 1])


def test_convolutions_on_a_cpu_are_not_mapped() -> None:
    for net, expected in ((Flat(), False), (Convolved(), True)):
        train, source = ensemble(learner(net, {'p': player()}), by_key(SET, 4), 2)
        _, batch = jax.eval_shape(source.init, KEY)
        state = jax.eval_shape(train.init, KEY, batch)
        text = str(jax.make_jaxpr(train.update)(KEY, state, batch))
        # mapped kernels become groups of features; side by side there are none
        assert convolves_on_cpu(train.update, KEY, state, batch) == expected
        assert 'feature_group_count=2' not in text
        assert 'batch_group_count=2' not in text


@pytest.mark.heavy
def test_hyperparameters_differ_by_member() -> None:
    rates = [0.0, 0.1]
    train, source = ensemble(
        learner(Flat(), {'p': player()}),
        by_key(SET, 4),
        2,
        hyperparameters={'p': {'learning_rate': rates}},
    )
    state, _ = fit(train, source, steps=3, key=KEY)
    for index, rate in enumerate(rates):
        single, _ = fit(
            learner(Flat(), {'p': player(rate)}),
            by_key(SET, 4),
            steps=3,
            key=fold(KEY, index),
        )
        assert_close(member(state, index).params, single.params)


@pytest.mark.heavy
def test_members_are_made_one_after_the_other() -> None:
    class Orthogonal(nn.Module):
        """Two layers that are initialised by a decomposition."""

        @nn.compact
        def __call__(self, x: Array) -> Array:
            """Answer with one number an image."""
            init = nn.initializers.orthogonal()
            x = nn.Dense(4, kernel_init=init)(x.reshape(len(x), -1))
            return nn.Dense(1)(nn.Dense(4, kernel_init=init)(x))[:, 0]

    train, source = ensemble(learner(Orthogonal(), {'p': player()}), resident(SET), 3)
    _, batch = jax.jit(source.init)(KEY)
    lowered = jax.jit(train.init).lower(KEY, batch)
    text = lowered.as_text()
    # Two mapped decompositions at once can hang in the thread pool of a CPU.
    assert set(re.findall(r'num_batch_dims = "(\d)"', text)) == {'0'}
    state = lowered.compile()(KEY, batch)
    kernels = np.asarray(state.params['Dense_0']['kernel'])
    gram = np.einsum('mij,mik->mjk', kernels, kernels)
    np.testing.assert_allclose(gram, np.tile(np.eye(4), (3, 1, 1)), atol=1e-5)
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1


@pytest.mark.heavy
def test_a_player_that_sits_out_costs_an_ensemble_nothing() -> None:
    rare = Player(optax.sgd(0.1), loss=loss, every=2, during=(2, None))
    one = learner(Flat(), {'p': player(), 'rare': rare})
    train, source = ensemble(one, resident(SET), 2)
    _, batch = jax.eval_shape(source.init, KEY)
    state = jax.eval_shape(train.init, KEY, batch)
    text = jax.jit(train.update).lower(KEY, state, batch).as_text()
    assert 'stablehlo.case' in text  # a condition, not both branches and a choice
    _, metrics = fit(train, source, steps=6, key=KEY)
    played = ~np.isnan(metrics['rare/loss'])
    np.testing.assert_array_equal(played, [[n in (2, 4)] * 2 for n in range(6)])


@pytest.mark.exhaustive
def test_members_share_the_batches_of_a_host_source() -> None:
    records = [{name: v[i] for name, v in SET.items()} for i in range(12)]
    source = stream(records, 4)
    train, same = ensemble(learner(Flat(), {'p': player()}), source, 2)
    assert same is source
    state, metrics = fit(train, same, steps=3, key=KEY)
    assert metrics['p/loss'].shape == (3, 2)
    assert not np.allclose(*metrics['p/loss'].T)


@pytest.mark.heavy
def test_members_are_evaluated_each() -> None:
    train, source = ensemble(learner(Convolved(), {'p': player()}), resident(SET), 2)
    state = jax.jit(lambda: train.init(KEY, source.init(KEY)[1]))()

    def score(net: nn.Module, batch: dict, step: Array) -> dict:
        return {'error': (net(batch['x']) - batch['y']) ** 2}

    both = evaluate(Convolved(), score, state, [SET])['error']
    assert both.shape == (2,)
    for index in range(2):
        one = evaluate(Convolved(), score, member(state, index), [SET])['error']
        assert both[index] == pytest.approx(one, rel=1e-5)


def test_impossible_ensembles_are_refused() -> None:
    alone, source = learner(Flat(), {'p': player()}), resident(SET)
    with pytest.raises(ValueError, match='members=0'):
        ensemble(alone, source, 0)
    with pytest.raises(ValueError, match='one value for each of 3 members'):
        ensemble(alone, source, 3, hyperparameters={'p': {'learning_rate': [1.0]}})
    for names, message in (
        ({'q': {'learning_rate': [1.0]}}, "no player is called \\['q'\\]"),
        ({'p': {'learning_rat': [1.0]}}, 'does not hold'),
    ):
        train, many = ensemble(alone, source, 1, hyperparameters=names)
        with pytest.raises(ValueError, match=message):
            fit(train, many, steps=1, key=KEY)
