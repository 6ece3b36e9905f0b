"""Targets of Q-learning by hand, and the limits of what they accept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.losses import action_values, q_target

REWARDS = np.float32([1.0, -2.0, 0.5])
ENDED = np.array([False, False, True])
JUDGES = np.float32([[1.0, 3.0], [4.0, 2.0], [9.0, 7.0]])
target = jax.jit(q_target, static_argnames='discount')


def test_targets_are_those_worked_by_hand():
    wanted = [1 + 0.9 * 3, -2 + 0.9 * 4, 0.5]
    got = target(REWARDS, ENDED, JUDGES, discount=0.9)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_double_q_learning_judges_the_choice_of_the_other():
    choice = np.float32([[5.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    wanted = [1 + 0.9 * 1, -2 + 0.9 * 4, 0.5]
    got = target(REWARDS, ENDED, JUDGES, discount=0.9, choice=choice)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_double_differs_exactly_where_the_choices_differ_and_is_never_above():
    random = np.random.default_rng(0)
    judges, chooses = random.normal(size=(2, 200, 3)).astype(np.float32)
    rewards, ended = np.zeros(200, np.float32), random.uniform(size=200) < 0.2
    plain = np.asarray(target(rewards, ended, judges))
    double = np.asarray(target(rewards, ended, judges, choice=chooses))
    differs = (judges.argmax(1) != chooses.argmax(1)) & ~ended
    np.testing.assert_array_equal(plain != double, differs)
    assert 50 < differs.sum() < 150 and (double <= plain).all()


def test_what_follows_an_end_may_be_anything_and_no_gradient_flows():
    wild = np.where(ENDED[:, None], np.float32(np.nan), JUDGES)
    np.testing.assert_array_equal(
        target(REWARDS, ENDED, wild), target(REWARDS, ENDED, JUDGES)
    )
    differentiated = jax.grad(lambda q: q_target(REWARDS, ENDED, q, choice=q).sum())
    gradient = jax.jit(differentiated)(JUDGES)
    np.testing.assert_array_equal(gradient, np.zeros((3, 2)))


def test_short_types_are_computed_in_float32():
    short = target(REWARDS.astype(jnp.bfloat16), ENDED, JUDGES.astype(jnp.bfloat16))
    assert short.dtype == jnp.float32
    np.testing.assert_allclose(short, target(REWARDS, ENDED, JUDGES), rtol=1e-6)


def test_the_value_is_that_of_the_action():
    got = jax.jit(action_values)(JUDGES, np.array([1, 0, 1]))
    np.testing.assert_array_equal(got, [3.0, 4.0, 7.0])


def test_settings_and_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='discount is 1.5'):
        q_target(REWARDS, ENDED, JUDGES, discount=1.5)
    with pytest.raises(ValueError, match=r'rewards \(3, 1\)'):
        q_target(REWARDS[:, None], ENDED, JUDGES)
    with pytest.raises(ValueError, match='following and choice have shapes'):
        q_target(REWARDS, ENDED, JUDGES, choice=JUDGES[:, :1])
    with pytest.raises(ValueError, match=r'actions \(3, 1\)'):
        action_values(JUDGES, jnp.zeros((3, 1), jnp.int32))
