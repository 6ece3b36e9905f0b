"""Pictures of forecasts show what was forecast, in the units of the series."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.data import all_windows, z_score
from dljax.experiment import Outcome
from dljax.layers import SeasonalNaive
from dljax.pictures.forecasts import (
    error_by_step,
    forecast_windows,
    forecasts,
    interval,
)
from dljax.types import Array, State

SERIES = np.float32(20 + 10 * np.sin(np.arange(60)))
NORMALIZER = z_score(SERIES[:, None])
VALUES = NORMALIZER(SERIES[:, None])[:, 0]


class Shifted(nn.Module):
    """The last value, and a number that each member has of its own."""

    @nn.compact
    def __call__(self, history: Array, *, train: bool) -> Array:
        """Forecast three steps."""
        shift = self.param('shift', nn.initializers.zeros, ())
        return history[:, -1:, 0] + shift + jnp.zeros((1, 3))


class Both(nn.Module):
    """Two kinds of forecast."""

    net: nn.Module
    naive: nn.Module


def outcome(shifts: list[float]) -> Outcome:
    members = State(
        jnp.zeros(len(shifts), jnp.int32), {'net': {'shift': jnp.array(shifts)}}, {}, {}
    )
    sets = {
        name: all_windows(part, 6, 3)
        for name, part in (('validation', VALUES[:30]), ('test', VALUES[30:]))
    }
    return Outcome(Both(Shifted(), SeasonalNaive(3)), members, members, sets, [])


def test_every_member_forecasts_every_window() -> None:
    made = forecasts(outcome([1.0, -1.0]), ('net', 'naive'))
    assert made['net'].shape == made['naive'].shape == (2, 22, 3)
    np.testing.assert_allclose(made['net'].mean(0), made['naive'][0], atol=1e-6)
    np.testing.assert_allclose(made['net'][0] - made['net'][1], 2.0, atol=1e-6)


def test_members_that_disagree_widen_the_interval() -> None:
    (low, high), (wide_low, wide_high) = (
        interval(outcome(shifts), 'net', 0.95) for shifts in ([0.0, 0.0], [1.0, -1.0])
    )
    missed = np.square((high - low) / 2 / 1.959964)
    wide = np.square((wide_high - wide_low) / 2 / 1.959964)
    np.testing.assert_allclose(wide - missed, 2.0, rtol=1e-4)  # their variance
    assert (np.diff(missed[0]) > 0).all()  # farther ahead more is missed


def test_the_pictures_are_in_the_units_of_the_series() -> None:
    given = outcome([0.5, -0.5])
    shown = forecast_windows(('net', 'naive'), NORMALIZER)(given)
    first = shown.axes[0]
    lines = {line.get_label(): line.get_ydata() for line in first.lines}
    np.testing.assert_allclose(lines['truth'], SERIES[36:39], rtol=1e-5)
    np.testing.assert_allclose(lines['naive'], [SERIES[35]] * 3, rtol=1e-5)
    np.testing.assert_allclose(first.lines[0].get_ydata(), SERIES[30:36], rtol=1e-5)
    (axes,) = error_by_step(('net', 'naive'), NORMALIZER)(given).axes
    errors = {line.get_label(): line.get_ydata() for line in axes.lines}
    history, truth = all_windows(SERIES[30:], 6, 3).values()
    wanted = np.abs(history[:, -1:, 0] - truth).mean(0)
    np.testing.assert_allclose(errors['naive'], wanted, rtol=1e-4)
