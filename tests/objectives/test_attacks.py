"""Inputs that are moved against a net, by NumPy and by what they do to its cost."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dljax import create_model
from dljax.objectives import (
    classify,
    fast_gradient_sign,
    learn_under,
    projected_gradient,
    score_classes,
    score_under,
)
from dljax.objectives.attacks import Attack
from dljax.training import Player, learner

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(6, 2, 2, 1)).astype(np.float32)
LABELS = np.array([0, 1, 2, 2, 1, 0])
BATCH = {'image': IMAGES, 'label': LABELS}
LINEAR = create_model('mlp', hidden=(), outputs=3)
KERNEL = RNG.normal(size=(4, 3)).astype(np.float32)
PARAMS = {'params': {'output': {'kernel': KERNEL, 'bias': np.zeros(3, np.float32)}}}
KEY = jax.random.key(0)


def moved(attack: Attack) -> np.ndarray:
    call = jax.jit(nn.apply(attack, LINEAR))
    return np.asarray(call(PARAMS, BATCH, KEY)['image'])


def signs() -> np.ndarray:
    """Of a linear net's cost: the sign of (softmax - target) times the weights."""
    logits = IMAGES.reshape(6, 4) @ KERNEL
    odds = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return np.sign((odds - np.eye(3)[LABELS]) @ KERNEL.T).reshape(IMAGES.shape)


def test_one_move_is_epsilon_times_the_sign_of_the_gradient_within_the_limits() -> None:
    wanted = np.clip(IMAGES + 0.3 * signs(), 0, 1)
    np.testing.assert_allclose(moved(fast_gradient_sign(0.3)), wanted, atol=1e-6)
    assert (wanted == 0).any() or (wanted == 1).any()


def test_many_moves_stay_within_epsilon_and_cost_more_than_one() -> None:
    score = jax.jit(nn.apply(score_classes(), LINEAR))

    def cost(images: np.ndarray) -> float:
        return float(score(PARAMS, {**BATCH, 'image': images}, 0)['loss'].mean())

    many = moved(projected_gradient(0.1, moves=20, limits=(-9, 9)))
    assert np.abs(many - IMAGES).max() <= 0.1 + 1e-6
    random = IMAGES + 0.1 * RNG.choice([-1, 1], IMAGES.shape).astype(np.float32)
    assert cost(many) > 1.05 * max(cost(IMAGES), cost(random))
    # Of a linear net nothing within the cube costs more than its corner.
    corner = moved(fast_gradient_sign(0.1, limits=(-9, 9)))
    assert cost(many) <= cost(corner) + 1e-5
    inside = moved(projected_gradient(0.1, moves=1, size=0.0))
    assert 0.01 < np.abs(inside - IMAGES).mean() < 0.09  # the random start alone


def test_epsilon_0_changes_nothing_and_no_gradient_flows_through() -> None:
    np.testing.assert_array_equal(moved(projected_gradient(0.0)), IMAGES)

    def total(images: jax.Array) -> jax.Array:
        attack = nn.apply(projected_gradient(0.1), LINEAR)
        return attack(PARAMS, {**BATCH, 'image': images}, KEY)['image'].sum()

    assert not jax.grad(total)(jnp.asarray(IMAGES)).any()


def test_a_loss_under_attack_is_that_of_the_moved_inputs() -> None:
    attack = fast_gradient_sign(0.2)
    wanted = nn.apply(classify(), LINEAR)(PARAMS, {**BATCH, 'image': moved(attack)}, 0)[
        0
    ]
    player = Player(optax.sgd(0.0), loss=learn_under(attack, classify()))
    train = learner(LINEAR, {'net': player})
    state = train.init(KEY, BATCH).replace(params=PARAMS['params'])
    _, metrics = jax.jit(train.update)(KEY, state, BATCH)
    np.testing.assert_allclose(metrics['net/loss'], wanted, rtol=1e-6)
    under = nn.apply(score_under(attack, score_classes()), LINEAR)(PARAMS, BATCH, 0)
    np.testing.assert_allclose(under['loss'].mean(), wanted, rtol=1e-6)


@pytest.mark.parametrize('settings', [{'epsilon': -1.0}, {'epsilon': 1, 'moves': 0}])
def test_an_attack_of_no_size_is_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match=', wanted'):
        projected_gradient(**settings)


def test_labels_of_no_class_are_refused_under_an_attack_too() -> None:
    loss = learn_under(fast_gradient_sign(0.1), classify())
    with pytest.raises(ValueError, match="'label' of example 2 is 3, wanted integers"):
        loss.check(LINEAR, {'image': IMAGES, 'label': LABELS + 1})
