"""Series made by rule, and their parts."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dljax.data import by_time, mackey_glass, seasonal


def twin(until: int, delay: float, start: float) -> np.ndarray:
    """The equation by the method of steps, with scipy's integrator of order 8.

    Within one delay the past is known, so that an ordinary equation is left.
    """
    past, parts, value, begin = (lambda t: start), [], start, 0.0
    while begin < until:
        grid = np.arange(np.ceil(begin), min(begin + delay, until + 1))

        def derivative(t: float, x: np.ndarray, past: object = past) -> np.ndarray:
            late = past(t - delay)
            return 0.2 * late / (1 + late**10) - 0.1 * x

        found = solve_ivp(
            derivative,
            (begin, begin + delay),
            [value],
            'DOP853',
            dense_output=True,
            max_step=0.05,
            rtol=1e-10,
            atol=1e-12,
        )
        parts.append(found.sol(grid)[0])
        past, value = (lambda t, s=found.sol: s(t)[0]), found.y[0, -1]
        begin += delay
    return np.concatenate(parts)[:until]


@pytest.mark.heavy
def test_mackey_glass_equals_an_integration_by_another_method() -> None:
    wanted = twin(100, 17.0, 1.2)
    coarse, fine = (
        np.abs(mackey_glass(100, discard=0, substeps=n) - wanted).max() for n in (5, 10)
    )
    assert fine < 1e-8
    assert 12 < coarse / fine < 20  # 16 for a method of order 4


def test_a_finer_step_changes_the_chaotic_series_little() -> None:
    usual, fine = (mackey_glass(400, substeps=n) for n in (10, 40))
    np.testing.assert_allclose(usual, fine, atol=1e-5)  # after 1,000 units of chaos
    assert usual.std() == pytest.approx(0.23, abs=0.03)
    assert 0.2 < usual.min() < 0.5 and 1.2 < usual.max() < 1.45


def test_a_small_change_of_the_start_grows() -> None:
    one, other = (mackey_glass(3000, start=s, discard=0) for s in (1.2, 1.2 + 1e-6))
    gap = np.abs(one - other)
    assert gap[:100].max() < 1e-4 and gap[-500:].max() > 1e-2


def test_samples_are_discarded_from_the_start() -> None:
    whole = mackey_glass(60, discard=0)
    np.testing.assert_array_equal(mackey_glass(20, discard=40), whole[40:])
    assert whole[0] == 1.2


def test_a_short_delay_ends_at_the_fixed_point() -> None:
    # x = 0.2 x / (1 + x^10) / 0.1 has the solution 1, stable for a delay below 4.5.
    assert mackey_glass(1, delay=2.0, discard=2000)[0] == pytest.approx(1.0, abs=1e-9)


def test_a_seasonal_series_is_its_trend_its_seasons_and_its_noise() -> None:
    settings = {'seasons': {12: 0.3}, 'level': 5.0, 'trend': 0.01}
    pure = seasonal(3, 1200, noise=0.0, **settings)
    swing = pure / (5 + 0.01 * np.arange(1200)) - 1
    np.testing.assert_allclose(swing[12:], swing[:-12], atol=1e-12)
    assert swing.std() == pytest.approx(0.3, rel=1e-6)
    assert abs(swing.mean()) < 1e-9
    noisy = seasonal(3, 1200, noise=0.7, **settings)
    assert (noisy - pure).std() == pytest.approx(0.7, rel=0.1)


def test_the_default_has_a_day_and_a_week() -> None:
    pure = seasonal(0, 1680, noise=0.0, trend=0.0)
    np.testing.assert_allclose(pure[168:], pure[:-168], atol=1e-9)
    assert np.abs(pure[24:] - pure[:-24]).max() > 0.5
    assert (seasonal(0, 50) != seasonal(1, 50)).any()
    np.testing.assert_array_equal(seasonal(1, 50), seasonal(1, 50))


def test_the_parts_follow_each_other_and_are_whole() -> None:
    parts = by_time(np.arange(101), (2, 1, 1))
    assert list(parts) == ['train', 'validation', 'test']
    np.testing.assert_array_equal(np.concatenate(list(parts.values())), np.arange(101))
    assert [len(part) for part in parts.values()] == [50, 26, 25]


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: by_time(np.arange(10), least=3), 'series has 10 values, which makes'),
        (lambda: by_time(np.arange(10), (0.8, 0.2, 0.0)), 'fractions are'),
        (lambda: mackey_glass(0), 'length is 0'),
        (lambda: mackey_glass(5, delay=0.05), 'delay is 0.05'),
        (lambda: mackey_glass(5, delay=17.03), 'delay is 17.03'),
        (lambda: seasonal(0, 0), 'length is 0'),
        (lambda: seasonal(0, 9, seasons={1: 0.2}), 'periods of 2'),
        (lambda: seasonal(0, 9, noise=-1.0), 'noise -1.0'),
    ],
)
def test_a_wrong_setting_is_named(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
