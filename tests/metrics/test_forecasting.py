"""Scaled errors, intervals and their coverage."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from dljax.metrics import coverage, naive_scale, predictive_interval

RNG = np.random.default_rng(0)


def test_the_scale_is_the_error_of_the_naive_forecast() -> None:
    series = jnp.array([1.0, 4.0, 2.0, 8.0, 3.0])
    assert naive_scale(series) == pytest.approx((3 + 2 + 6 + 5) / 4)
    assert naive_scale(series, 2) == pytest.approx((1 + 4 + 1) / 3)


def test_an_interval_adds_the_spread_and_what_was_missed() -> None:
    forecasts = RNG.normal(size=(4, 3, 2))
    residuals = RNG.normal(size=(9, 2)) * [1.0, 5.0]
    low, high = predictive_interval(forecasts, residuals, 0.8)
    deviation = np.sqrt(forecasts.var(0, ddof=1) + np.square(residuals).mean(0))
    half = stats.norm.ppf(0.9) * deviation
    np.testing.assert_allclose(low, forecasts.mean(0) - half, rtol=1e-5)
    np.testing.assert_allclose(high, forecasts.mean(0) + half, rtol=1e-5)


def test_forecasts_far_from_zero_are_scored_in_float64() -> None:
    series = 98_765_432 + 3 * RNG.normal(size=60)
    wanted = np.abs(np.diff(series)).mean()
    assert naive_scale(series) == pytest.approx(wanted, rel=1e-6)
    near = RNG.normal(size=(4, 30, 2))
    residuals = RNG.normal(size=(9, 2))
    low, high = predictive_interval(98_765_432 + near, residuals)
    plain = predictive_interval(near, residuals)
    np.testing.assert_allclose(low - 98_765_432, plain[0], atol=1e-6)
    truth = 98_765_432 + RNG.normal(size=(30, 2))
    held = (plain[0] <= truth - 98_765_432) & (truth - 98_765_432 <= plain[1])
    assert coverage(low, high, truth) == pytest.approx(held.mean())
    # A device holds steps of 8 there, and the spread of what it holds is right.
    steps = 8 * np.round(near)
    low, high = predictive_interval(jnp.float32(98_765_432 + steps), jnp.zeros((9, 2)))
    half = 1.959964 * steps.std(0, ddof=1)
    np.testing.assert_allclose((high - low) / 2, half, atol=8)


def test_a_single_member_has_the_noise_alone() -> None:
    low, high = predictive_interval(np.zeros((1, 5, 1)), np.full((7, 1), 2.0), 0.95)
    np.testing.assert_allclose(high, 1.959964 * 2 * np.ones((5, 1)), rtol=1e-5)
    np.testing.assert_array_equal(low, -high)


@pytest.mark.parametrize('level', [0.5, 0.95])
def test_intervals_of_normal_noise_hold_what_they_promise(level: float) -> None:
    missed, truth = RNG.normal(size=(2, 20_000, 1))
    low, high = predictive_interval(np.zeros((1, 20_000, 1)), missed, level)
    assert coverage(low, high, truth) == pytest.approx(level, abs=0.01)


def test_the_ends_count_as_held_and_what_is_not_a_number_does_not() -> None:
    truth = jnp.array([0.0, 1.0, 1.0001, jnp.nan])
    assert coverage(jnp.zeros(4), jnp.ones(4), truth) == 0.5


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: naive_scale(jnp.ones(4), 4), 'season 4'),
        (lambda: naive_scale(jnp.ones((4, 1))), r'wanted \[time\]'),
        (lambda: predictive_interval(jnp.ones((2, 3, 4)), jnp.ones((5, 3))), 'shapes'),
        (
            lambda: predictive_interval(jnp.ones((2, 3, 4)), jnp.ones((5, 4)), 95),
            'level is 95',
        ),
        (lambda: coverage(jnp.ones(3), jnp.ones(3), jnp.ones((3, 1))), 'equal shapes'),
    ],
)
def test_what_does_not_fit_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
