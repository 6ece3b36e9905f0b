"""Losses of adversarial games: by hand, at their limits, and their gradients."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dljax import losses
from dljax.types import Array

GAMES = {
    'minimax': losses.minimax_game(),
    'non_saturating': losses.non_saturating_game(),
    'smoothed': losses.non_saturating_game(label_smoothing=0.1),
    'least_squares': losses.least_squares_game(),
    'hinge': losses.hinge_game(),
    'wasserstein': losses.wasserstein_game(),
}
LOG2, LOG_FOURTH = math.log(2), math.log(0.25)
LOGIT = math.log(3.0)  # D = 3/4
BY_HAND = {  # real, fake, generator at D = 3/4, that is a logit of log 3
    'minimax': (-math.log(0.75), -LOG_FOURTH, LOG_FOURTH),
    'non_saturating': (-math.log(0.75), -LOG_FOURTH, -math.log(0.75)),
    'smoothed': (
        -0.9 * math.log(0.75) - 0.1 * LOG_FOURTH,
        -LOG_FOURTH,
        -math.log(0.75),
    ),
    'least_squares': ((LOGIT - 1) ** 2 / 2, LOGIT**2 / 2, (LOGIT - 1) ** 2 / 2),
    'hinge': (0.0, 1 + LOGIT, -LOGIT),
    'wasserstein': (-LOGIT, LOGIT, -LOGIT),
}


@pytest.mark.parametrize('name', GAMES)
def test_a_game_costs_what_it_costs_by_hand(name: str) -> None:
    logits = np.float32([LOGIT])
    for part, wanted in zip(GAMES[name][:3], BY_HAND[name], strict=True):
        cost = jax.jit(part)(logits)
        np.testing.assert_allclose(cost, [wanted], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('name', GAMES)
def test_several_logits_of_a_sample_are_averaged(name: str) -> None:
    logits = np.random.default_rng(0).normal(size=(3, 2, 2, 1)).astype(np.float32)
    for part in GAMES[name][:3]:
        each = np.asarray(jax.jit(part)(logits.reshape(12))).reshape(3, 4).mean(1)
        np.testing.assert_allclose(jax.jit(part)(logits), each, rtol=1e-6)


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize('name', GAMES)
def test_nothing_overflows_and_gradients_are_those_of_finite_differences(
    name: str,
) -> None:
    extreme = np.array([-1e4, 1e4], jnp.bfloat16)
    for part in GAMES[name][:3]:

        def both(x: Array, part: Callable = part) -> tuple[Array, Array]:
            cost = part(x)
            return cost.sum(), cost

        gradient, cost = jax.jit(jax.grad(both, has_aux=True))(extreme)
        assert cost.dtype == jnp.float32
        assert np.isfinite(cost).all()
        assert np.isfinite(np.float32(gradient)).all()
        # 0.3 is far from the corners of the hinge
        near = np.float32([-2.3, 0.3, 1.7])
        check_grads(jax.jit(part), (near,), order=1, modes=['rev'])


def test_only_the_minimax_generator_saturates_where_it_is_found_out() -> None:
    found_out = np.float32([-20.0])

    def steepness(game: losses.Game) -> float:
        gradient = jax.jit(jax.grad(lambda x: game.generator(x).sum()))(found_out)
        return abs(float(gradient[0]))

    assert steepness(losses.minimax_game()) < 1e-8
    for name in set(GAMES) - {'minimax'}:
        assert steepness(GAMES[name]) > 0.9


def test_the_value_of_the_game_is_its_own_opposite() -> None:
    logits = jnp.array([-1.5, 0.2, 3.0])
    game = losses.minimax_game()
    np.testing.assert_allclose(game.generator(logits), -game.fake(logits))


def test_the_threshold_parts_the_labels() -> None:
    assert losses.least_squares_game(a=-1, b=1, c=0).threshold == 0
    assert losses.least_squares_game().threshold == 0.5
    assert losses.wasserstein_game().threshold is None
    with pytest.raises(ValueError, match='a and b are both 1'):
        losses.least_squares_game(a=1.0)
    with pytest.raises(ValueError, match='label_smoothing is 1'):
        losses.minimax_game(label_smoothing=1)


def test_penalties_price_the_norm_of_an_image() -> None:
    gradient = np.zeros((2, 2, 2, 1), np.float32)
    gradient[0, :, 0, 0] = 3.0, 4.0
    steep, r1 = jax.jit(losses.gradient_penalty), jax.jit(losses.r1_penalty)
    np.testing.assert_allclose(steep(gradient), [16.0, 1.0])
    np.testing.assert_allclose(steep(gradient, 0.0), [25.0, 0.0])
    np.testing.assert_allclose(r1(gradient), [12.5, 0.0])
    for penalty in (steep, r1):
        second = jax.jit(jax.grad(lambda g, f=penalty: f(g).sum()))(gradient)
        assert np.isfinite(second).all()
        near = gradient[:1] + np.float32(0.5)
        check_grads(penalty, (near,), order=1, modes=['rev'])
