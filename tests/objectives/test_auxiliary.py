"""Further tasks of adversaries: classes that are told and codes that are read."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import losses
from dljax.models.adversarial import CodedNoise
from dljax.models.adversaries import Adversaries
from dljax.objectives import classify_samples, fool, recover_codes, tell_apart
from dljax.objectives.adversarial import Task
from dljax.training import Player, fit, learner
from dljax.types import Array, Source, State

NONE = np.zeros((2, 0), np.float32)
LABEL = {'label': np.array([0, 1])}
SURE = math.log(3.0) * np.eye(2, dtype=np.float32)  # of ¾ for the truth
WRONG = SURE[::-1]


def test_both_kinds_of_samples_are_classified_where_there_are_both() -> None:
    task = classify_samples(weight=2.0)
    judge = jax.jit(functools.partial(task, None))
    loss, metrics = judge((SURE,), (WRONG,), NONE, LABEL)
    assert float(loss) == pytest.approx(2 * (math.log(4 / 3) + math.log(4)), rel=1e-6)
    assert metrics == {'classified': 0.0, 'classified_real': 1.0}


def test_the_generator_is_paid_for_its_own_samples_alone() -> None:
    judge = jax.jit(functools.partial(classify_samples(), None))
    loss, metrics = judge(None, (SURE,), NONE, LABEL)
    assert float(loss) == pytest.approx(math.log(4 / 3), rel=1e-6)
    assert metrics == {'classified': 1.0}


def read(answers: tuple[np.ndarray, ...], noise: np.ndarray, **task: float) -> tuple:
    sizes = {'categories': answers[0].shape[1], 'continuous': answers[1].shape[1]}
    judge = jax.jit(functools.partial(recover_codes(**sizes, **task), None, None))
    return judge(answers, noise, {})


@pytest.mark.heavy
def test_a_category_that_is_always_read_has_all_its_entropy_as_information() -> None:
    prior = CodedNoise(noise=3, categories=5, continuous=2)
    noise = np.asarray(
        jax.jit(prior, static_argnums=1)(jax.random.key(0), (40, prior.size))
    )
    category, codes = noise[:, 3:8], noise[:, 8:]
    _, metrics = read((100 * category, codes, 0 * codes), noise)
    assert float(metrics['information']) == pytest.approx(math.log(5), rel=1e-6)
    assert float(metrics['read']) == 1.0
    # With standard deviation 1 round the true codes, each of the entropy log 2.
    wanted = 2 * (math.log(2.0) - 0.5 * math.log(2 * math.pi))
    assert float(metrics['continuous_information']) == pytest.approx(wanted, rel=1e-5)
    _, blind = read((0 * category, codes, 0 * codes), noise)
    assert float(blind['information']) == pytest.approx(0.0, abs=1e-6)


def test_codes_are_worth_what_the_gaussian_says() -> None:
    noise = np.float32([[9.0, 0.0, 1.0, 0.5]])
    answers = np.zeros((1, 2)), np.zeros((1, 1)), np.full((1, 1), math.log(0.25))
    answers = tuple(each.astype(np.float32) for each in answers)
    loss, metrics = read(answers, noise, continuous_weight=0.5)
    # Half a unit off at a standard deviation of a half: one of them.
    density = -0.5 * math.log(2 * math.pi * 0.25) - 0.5
    wanted = math.log(2.0) + density
    assert float(metrics['continuous_information']) == pytest.approx(wanted, rel=1e-5)
    assert float(loss) == pytest.approx(-0.5 * wanted, rel=1e-5)


def test_weights_that_are_not_positive_are_refused() -> None:
    with pytest.raises(ValueError, match='weight is 0'):
        classify_samples(0.0)
    with pytest.raises(ValueError, match='continuous_weight is -1'):
        recover_codes(continuous_weight=-1.0)


class Generator(nn.Module):
    """Points of the plane from noise and, if there is one, a label."""

    dtype: None = None
    param_dtype: None = jnp.float32

    @nn.compact
    def __call__(self, noise: Array, *label: Array, train: bool = False) -> Array:
        """Make points."""
        noise = jnp.concatenate([noise, *(jax.nn.one_hot(y, 2) for y in label)], 1)
        return nn.Dense(2)(nn.tanh(nn.Dense(16)(noise)))


class Discriminator(nn.Module):
    """A logit, and further answers of so many numbers."""

    answers: tuple[int, ...]
    dtype: None = None
    param_dtype: None = jnp.float32

    @nn.compact
    def __call__(self, point: Array, *, train: bool = False) -> tuple[Array, ...]:
        """Judge points."""
        x = nn.tanh(nn.Dense(16)(point))
        return tuple(nn.Dense(width)(x) for width in (1, *self.answers))


def pairs(key: jax.Array, position: Array) -> dict[str, Array]:
    """Two clouds of points, whose side is their label."""
    key = jax.random.fold_in(key, position)
    label = jnp.arange(32) % 2
    noise = 0.2 * jax.random.normal(key, (32, 2))
    return {'image': noise + (2.0 * label - 1.0)[:, None], 'label': label}


CLOUDS = Source(
    lambda key: (jnp.int32(0), pairs(key, 0)),
    lambda key, position, state: (position + 1, pairs(key, position)),
)


def trained(
    net: Adversaries, task: Task, generator_conditions: tuple[str, ...] = ()
) -> tuple[State, dict[str, float]]:
    """Train both players; give the state and the means of the last 50 updates."""
    game = losses.non_saturating_game()
    tell = tell_apart(game, generator_conditions=generator_conditions, task=task)
    make = fool(game, generator_conditions=generator_conditions, task=task)
    adam = optax.adam(1e-2, b1=0.5)
    players = {
        'discriminator': Player(adam, loss=tell, trains=('discriminator',)),
        'generator': Player(adam, loss=make, trains=('generator',)),
    }
    state, metrics = fit(
        learner(net, players), CLOUDS, steps=400, key=jax.random.key(0), chunk=100
    )
    return state, {name: float(each[-50:].mean()) for name, each in metrics.items()}


@pytest.mark.heavy
def test_a_generator_comes_to_make_the_class_that_it_is_given() -> None:
    net = Adversaries(Generator(), Discriminator((2,)), latent=2)
    state, found = trained(net, classify_samples(), generator_conditions=('label',))
    label = jnp.arange(200) % 2

    def draw(net: nn.Module) -> Array:
        return net.draw(jax.random.key(1), 200, label)

    points = nn.apply(draw, net)({'params': state.params})
    right = (np.asarray(points).mean(1) > 0) == np.asarray(label, bool)
    assert right.mean() > 0.9
    assert found['discriminator/classified_real'] > 0.9


@pytest.mark.exhaustive
def test_a_generator_comes_to_show_its_category() -> None:
    prior = CodedNoise(noise=2, categories=2, continuous=1)
    net = Adversaries(Generator(), Discriminator((2, 1, 1)), prior.size, prior)
    task = recover_codes(categories=2, continuous=1)
    _, found = trained(net, task)
    assert found['generator/information'] > 0.9 * math.log(2)
    assert found['generator/read'] > 0.95
