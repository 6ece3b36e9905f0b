"""Adversarial objectives: who moves, what is penalised, and that it learns."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import data, losses
from dljax.experiment import Outcome
from dljax.models.adversaries import Adversaries
from dljax.models.feedforward import MLP
from dljax.objectives import fool, penalise_between, penalise_real, tell_apart, unmoved
from dljax.objectives.adversarial import sample_gradient, spread
from dljax.training import Player, averaged, fit, learner
from dljax.types import Array

BATCH = {
    'image': np.random.default_rng(1).normal(2.0, 0.1, (8, 3)).astype(np.float32),
    'label': np.arange(8) % 2,
}


class Normed(nn.Module):
    """A layer with batch statistics, dropout and, if there is one, a label."""

    outputs: int
    dtype: None = None
    param_dtype: None = jnp.float32

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool = False) -> Array:
        """Answer."""
        for one in label:
            x = jnp.concatenate([x, jax.nn.one_hot(one, 2)], -1)
        x = nn.Dense(6)(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.5)(x)
        x = nn.Dropout(0.5, deterministic=not train)(nn.tanh(x))
        return nn.Dense(self.outputs)(x)


R1 = penalise_real(1.0)
NET = Adversaries(Normed(3), Normed(1), latent=2)


def players(game: losses.Game, rate: float = 0.1, **both) -> dict[str, Player]:
    alone = {'penalty': both.pop('penalty', None)}
    return {
        'discriminator': Player(
            optax.sgd(rate),
            loss=tell_apart(game, **both, **alone),
            trains=('discriminator',),
        ),
        'generator': Player(
            optax.sgd(rate), loss=fool(game, **both), trains=('generator',)
        ),
    }


def differs(a, b) -> bool:
    same = jax.tree.map(lambda x, y: np.array_equal(x, y), a, b)
    return not all(jax.tree.leaves(same))


def any_of(tree) -> bool:
    return any(np.any(leaf) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize('mover', ['discriminator', 'generator'])
def test_a_turn_moves_the_weights_and_statistics_of_its_own_player_only(
    mover: str,
) -> None:
    game = losses.non_saturating_game()
    both = {
        'generator_conditions': ('label',),
        'discriminator_conditions': ('label',),
        'penalty': penalise_real(),
    }
    train = learner(NET, {mover: players(game, **both)[mover]})
    key = jax.random.key(0)
    before = jax.jit(train.init)(key, BATCH)
    if mover == 'generator':  # the critic's turn calls both nets at initialisation too
        assert set(before.params) == {'discriminator', 'generator'}
    after, metrics = jax.jit(train.update)(key, before, BATCH)
    other = {'discriminator': 'generator', 'generator': 'discriminator'}[mover]
    for name in ('params', 'batch_stats'):
        old, new = (
            s.params if name == 'params' else s.collections[name]
            for s in (before, after)
        )
        assert differs(old[mover], new[mover]), name
        assert not differs(old[other], new[other]), name
    assert all(np.isfinite(value) for value in metrics.values())


@pytest.mark.heavy
def test_the_discriminator_sends_no_gradient_to_the_generator() -> None:
    loss = tell_apart(losses.non_saturating_game())
    variables = jax.jit(nn.init(loss, NET))(jax.random.key(0), BATCH, 0)
    stats = {'batch_stats': variables['batch_stats']}

    def value(params) -> Array:
        call = nn.apply(loss, NET, mutable=['batch_stats'])
        rngs = {'params': jax.random.key(1)}
        return call({'params': params, **stats}, BATCH, 0, rngs=rngs)[0][0]

    gradient = jax.jit(jax.grad(value))(variables['params'])
    assert not any_of(gradient['generator'])
    assert any_of(gradient['discriminator'])


@pytest.mark.heavy
def test_a_net_that_is_not_to_move_still_uses_the_statistics_of_the_batch() -> None:
    x = BATCH['image']
    variables = jax.jit(Normed(1).init)(jax.random.key(0), x)
    call = jax.jit(nn.apply(lambda net, x: unmoved(net)(x, train=True), Normed(1)))
    normed = call(variables, x, rngs={'params': jax.random.key(3)})
    # The data lie around 2 and their standard deviation is 0.1; running averages still
    # say 0, 1.
    shifted = call(variables, x + 5.0, rngs={'params': jax.random.key(3)})
    np.testing.assert_allclose(normed, shifted, atol=1e-3)
    assert differs(normed, jax.jit(Normed(1).apply)(variables, x))


def test_two_calls_apart_use_dropout_of_their_own_and_one_the_same() -> None:
    x = BATCH['image']
    variables = jax.jit(Normed(1).init)(jax.random.key(0), x)

    def answers(net: nn.Module, x: Array) -> tuple[Array, ...]:
        first, second = unmoved(net), unmoved(net)
        return tuple(call(x, train=True) for call in (first, first, second))

    call = jax.jit(nn.apply(answers, Normed(1)))
    a, again, b = call(variables, x, rngs={'params': jax.random.key(3)})
    np.testing.assert_array_equal(a, again)
    assert differs(a, b)


@pytest.mark.parametrize(
    ('penalty', 'wanted'),
    [(penalise_between(10.0), 10 * (5 - 1) ** 2), (penalise_real(2.0), 2 * 25 / 2)],
)
def test_a_linear_critic_pays_for_its_weights(penalty, wanted: float) -> None:
    def critic(x: Array) -> Array:
        return x @ jnp.array([[3.0], [4.0]])

    def penalties(real: Array, fake: Array, mix: Array) -> Array:
        return penalty(critic, real, fake, mix)

    real, fake = np.ones((4, 2), np.float32), np.zeros((4, 2), np.float32)
    found = jax.jit(penalties)(real, fake, np.full((4, 1), 0.3, np.float32))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_the_penalty_between_is_taken_between() -> None:
    def critic(x: Array) -> Array:
        return (x**2).sum(-1) / 2  # its gradient is x itself

    mix = jnp.array([[0.0], [0.25], [1.0]])
    penalise = functools.partial(penalise_between(1.0, target=0.0), critic)
    found = jax.jit(penalise)(np.full((3, 1), 4.0), np.zeros((3, 1)), mix)
    np.testing.assert_allclose(found, [0.0, 1.0, 16.0], atol=1e-6)
    with pytest.raises(ValueError, match='weight is 0'):
        penalise_between(0)


def test_the_penalty_at_real_samples_is_taken_there() -> None:
    def critic(x: Array) -> Array:
        return (x**2).sum(-1) / 2  # its gradient is x itself

    real, fake = np.array([[3.0, 4.0]]), np.ones((1, 2))
    penalise = functools.partial(penalise_real(2.0), critic)
    found = jax.jit(penalise)(real, fake, np.full((1, 1), 0.5))
    np.testing.assert_allclose(found, [25.0])


class Told(nn.Module):
    """A generator of ones, or a discriminator by the first pixel."""

    dtype: None = None
    param_dtype: None = jnp.float32

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        """Pass through, but for a parameter that is 0."""
        return x[:, :1] + self.param('zero', nn.initializers.zeros, (1,))[None]


def test_the_metrics_of_a_discriminator_are_those_of_its_logits() -> None:
    def ones(key: jax.Array, shape: tuple[int, ...]) -> Array:
        return jnp.ones(shape)

    net = Adversaries(Told(), Told(), latent=1, prior=ones)
    batch = {'image': np.array([[3.0], [2.0], [0.2], [-4.0]], np.float32)}
    rngs = {'params': jax.random.key(0)}
    for game, wanted in (
        # All fakes have the logit 1: none above the threshold is classified correctly.
        (losses.non_saturating_game(), (3 / 4 + 0) / 2),
        (losses.least_squares_game(a=0.0, b=3.0), (2 / 4 + 1) / 2),
    ):
        loss = tell_apart(game)
        zero = {'zero': np.zeros(1, np.float32)}
        variables = {'params': {'generator': zero, 'discriminator': zero}}
        call = jax.jit(nn.apply(loss, net))
        value, metrics = call(variables, batch, 0, rngs=rngs)
        np.testing.assert_allclose(metrics['accuracy'], wanted)
        np.testing.assert_allclose(metrics['gap'], 0.3 - 1.0, rtol=1e-5)
        parts = game.real(batch['image']).mean() + game.fake(jnp.ones((4, 1))).mean()
        np.testing.assert_allclose(value, parts, rtol=1e-6)


def test_the_gradient_of_patches_is_that_of_their_mean() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    doubled = jax.jit(
        lambda x: sample_gradient(lambda x: jnp.stack([x.sum(1), 3 * x.sum(1)], -1), x)
    )(x)
    np.testing.assert_allclose(doubled, np.full((2, 3), 2.0))


@pytest.mark.heavy
def test_the_penalty_reaches_the_weights_of_the_critic() -> None:
    def nothing(logits: Array) -> Array:
        return jnp.zeros(len(logits))

    net = Adversaries(MLP((4,), 3), MLP((8,), 1), latent=2)
    loss = tell_apart(losses.Game(nothing, nothing, nothing, None), penalty=R1)
    train = learner(
        net, {'critic': Player(optax.sgd(0.1), loss=loss, trains=('discriminator',))}
    )
    key, batch = jax.random.key(0), {'image': BATCH['image']}
    state, update = jax.jit(train.init)(key, batch), jax.jit(train.update)
    state, first = update(key, state, batch)
    for _ in range(30):
        state, metrics = update(key, state, batch)
    assert 'critic/accuracy' not in metrics
    assert metrics['critic/loss'] == metrics['critic/penalty']
    assert metrics['critic/penalty'] < 0.3 * first['critic/penalty']


def test_spread_falls_where_samples_are_alike() -> None:
    real = np.random.default_rng(0).normal(size=(64, 2, 2, 1)).astype(np.float32)
    ones, ratio = np.ones((64, 2, 2, 1), np.float32), jax.jit(spread)
    np.testing.assert_allclose(ratio(0.5 * real, real), 0.5, rtol=1e-6)
    assert ratio(ones, real) == 0
    assert np.isfinite(ratio(real, ones))


GAMES = {
    'minimax': {'game': losses.minimax_game()},
    'non_saturating': {'game': losses.non_saturating_game(label_smoothing=0.1)},
    'least_squares': {'game': losses.least_squares_game()},
    'hinge': {'game': losses.hinge_game()},
    'wasserstein': {
        'game': losses.wasserstein_game(),
        'penalty': penalise_between(1.0),
    },
}


@pytest.mark.parametrize(
    'name',
    [
        pytest.param(
            n, marks=pytest.mark.heavy if n == 'hinge' else pytest.mark.exhaustive
        )
        for n in GAMES
    ],
)
def test_every_game_moves_samples_to_the_real_ones(name: str) -> None:
    net = Adversaries(MLP((16,), 3), MLP((16,), 1), latent=2)
    played = players(**GAMES[name], rate=0.0)
    optimizers = {'discriminator': optax.adam(2e-3), 'generator': optax.adam(1e-3)}
    optimizers['generator'] = averaged(optimizers['generator'], 0.99)
    train = learner(
        net,
        {
            who: Player(optimizers[who], loss=player.loss, trains=player.trains)
            for who, player in played.items()
        },
    )
    source = data.resident({'image': np.asarray(BATCH['image'])}, 8)
    state, _ = fit(train, source, steps=1500, key=jax.random.key(0), chunk=100)
    noise = jax.random.normal(jax.random.key(7), (500, 2))
    outcome = Outcome(net, state, state, {}, [])

    def draw(net: nn.Module, noise: Array) -> Array:
        return net.generator(noise, train=False)

    last = outcome.apply(draw, noise)
    # The real samples lie around (2, 2, 2), an untrained generator's around 0.
    assert jnp.abs(last.mean(0) - 2.0).max() < 0.4
    mean = outcome.averaged().apply(draw, noise)
    assert differs(last, mean)
    assert jnp.abs(mean.mean(0) - 2.0).max() < 0.4


def test_a_game_without_noise_is_told_what_it_lacks() -> None:
    class Bare(nn.Module):
        generator: nn.Module
        discriminator: nn.Module

    net = Bare(MLP(hidden=(), outputs=3), MLP(hidden=(), outputs=1))
    game = losses.hinge_game()
    for objective in (tell_apart(game), fool(game)):
        with pytest.raises(ValueError, match=r'Bare has no noise\(count\), wanted a'):
            nn.init(objective, net)(jax.random.key(0), BATCH, jnp.int32(0))
