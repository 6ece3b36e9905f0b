"""Columns that are made are related, and follow from their seed."""

import numpy as np
import pytest

from dljax.data import seasonal_columns


def test_each_column_does_what_the_one_before_did_some_steps_ago() -> None:
    series = seasonal_columns(1, 2000, 3, lag=5, noise=0.0)
    first, *others = ((column - column.mean()) for column in series.T)
    for place, column in enumerate(others, 1):
        now, then = column[5 * place :], first[: -5 * place]
        gain = now.std() / then.std()
        assert 0.25 <= gain <= 4
        apart = now - gain * then
        np.testing.assert_allclose(apart, np.full(len(apart), apart[0]), atol=1e-9)
        assert np.corrcoef(first, column)[0, 1] < 0.999


def test_the_noise_is_of_each_column_and_the_seed_decides() -> None:
    pure, noisy = (seasonal_columns(2, 3000, noise=noise) for noise in (0.0, 0.7))
    assert pure.shape == (3000, 4)
    errors = noisy - pure
    np.testing.assert_allclose(errors.std(0), 0.7, rtol=0.1)
    assert np.abs(np.corrcoef(errors.T) - np.eye(4)).max() < 0.1
    np.testing.assert_array_equal(noisy, seasonal_columns(2, 3000, noise=0.7))
    assert np.abs(noisy - seasonal_columns(3, 3000, noise=0.7)).max() > 1


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'length': 0}, 'length is 0'),
        ({'length': 9, 'columns': 0}, 'columns 0'),
        ({'length': 9, 'lag': -1}, 'lag -1'),
        ({'length': 9, 'memory': 1.0}, 'memory 1.0'),
        ({'length': 9, 'noise': -1.0}, 'noise -1.0'),
    ],
)
def test_a_wrong_setting_is_named(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        seasonal_columns(0, **settings)
