"""Pictures of several columns show what was forecast, in the units of the series."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.data import all_windows, z_score
from dljax.experiment import Outcome
from dljax.layers import SeasonalNaive
from dljax.models.channels import EachChannel
from dljax.pictures.forecast_columns import (
    column_forecasts,
    draw_column_errors,
    draw_columns,
)
from dljax.types import State

SERIES = np.random.default_rng(0).normal(size=(60, 3)) * [1, 10, 100] + [0, 50, -500]
NORMALIZER = z_score(SERIES)
NAMES, KINDS = ('a', 'b', 'c'), ('net', 'naive')


class Both(nn.Module):
    """Two kinds of forecast."""

    net: nn.Module
    naive: nn.Module


def outcome() -> Outcome:
    net = Both(EachChannel(SeasonalNaive(3, 2)), EachChannel(SeasonalNaive(3)))
    state = State(jnp.int32(0), {}, {}, {})
    test = all_windows(NORMALIZER(SERIES), 6, 3)
    return Outcome(net, state, state, {'test': test}, [])


def test_windows_are_evenly_spaced_and_computed_once() -> None:
    made, given = column_forecasts(KINDS, most=10, size=4), outcome()
    found = made(given)
    assert found is made(given)
    assert {k: v.shape for k, v in found.items()} == {
        'history': (9, 6, 3),
        'target': (9, 3, 3),
        'net': (9, 3, 3),
        'naive': (9, 3, 3),
    }
    np.testing.assert_allclose(found['history'][1], NORMALIZER(SERIES)[6:12], atol=1e-6)
    np.testing.assert_allclose(found['naive'][:, 0], found['history'][:, -1], atol=1e-6)


@pytest.mark.parametrize('columns', [1, 2, 3])
def test_each_column_is_drawn_in_its_own_units(columns: int) -> None:
    made, given = column_forecasts(KINDS), outcome()
    figure = draw_columns(made, KINDS, NAMES[:columns], NORMALIZER)(given)
    shown = [axes for axes in figure.axes if axes.get_title()]
    titles = [axes.get_title() for axes in shown]
    assert titles == [f'{name}, a test window' for name in NAMES[:columns]]
    found = made(given)
    for column, axes in enumerate(shown):
        lines = {line.get_label(): line.get_ydata() for line in axes.lines}
        missed = np.abs(
            NORMALIZER.inverse(found['target'])[..., column] - lines['truth'][None]
        ).max(1)
        window = missed.argmin()
        assert missed[window] < 1e-3
        last = NORMALIZER.inverse(found['history'])[window, -1, column]
        np.testing.assert_allclose(lines['naive'], [last] * 3, rtol=1e-5)


def test_errors_are_means_over_windows() -> None:
    made, given = column_forecasts(KINDS), outcome()
    by_step, by_column = draw_column_errors(made, KINDS, NAMES)(given).axes
    found = made(given)
    errors = np.square(found['naive'] - found['target'])
    lines = {line.get_label(): line.get_ydata() for line in by_step.lines}
    np.testing.assert_allclose(lines['naive'], errors.mean((0, 2)), rtol=1e-5)
    heights = [bar.get_height() for bar in by_column.patches]
    np.testing.assert_allclose(heights[3:], errors.mean((0, 1)), rtol=1e-5)
