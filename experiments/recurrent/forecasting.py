"""Forecasts of several steps with intervals, beside some that cost nothing (U3.8).

Paper: Lin et al. (2023), SegRNN: segment recurrent neural network for long-term time
series forecasting, https://arxiv.org/abs/2308.11200; scaled errors: Hyndman, Koehler
(2006), https://doi.org/10.1016/j.ijforecast.2006.03.001.

Measured TODO
python experiments/recurrent/forecasting.py --members 5
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model
from dljax import data as sources
from dljax.cli import command
from dljax.experiment import Experiment
from dljax.layers import GRU, LSTM, Elman, SeasonalNaive
from dljax.losses import huber
from dljax.metrics import coverage, naive_scale, predictive_interval
from dljax.objectives import (
    regress,
    score_forecast,
    side_by_side,
    solve_readout,
    within,
)
from dljax.report import Measure, Outcome, Picture
from dljax.training import Player
from dljax.types import Array, Batch, Objective, PyTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {
    'steps': 3,
    'length': 600,
    'history': 24,
    'horizon': 4,
    'season': 24,
    'segment': 6,
    'hidden': 4,
}
CELLS = {'gru': GRU, 'lstm': LSTM, 'elman': Elman}
COLOURS = {'net': 'C0', 'linear': 'C1', 'seasonal': 'C2', 'naive': '0.45'}


class Forecasts(nn.Module):
    """The net, and what it is measured against on the same windows."""

    net: nn.Module
    linear: nn.Module
    seasonal: nn.Module
    naive: nn.Module


def experiment(
    *,
    series: Literal['seasonal', 'mackey_glass'] = 'seasonal',
    data: Path | None = None,
    column: str | None = None,
    delimiter: str = ',',
    season: int | None = None,
    history: int = 168,
    horizon: int = 24,
    length: int = 6000,
    cell: Literal['gru', 'lstm', 'elman'] = 'gru',
    hidden: int = 64,
    segment: int = 12,
    highway: bool = True,
    dropout: float = 0.0,
    steps: int = 1500,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    ridge: float = 1.0,
    level: float = 0.95,
    windows: int = 2000,
) -> Experiment:
    """Learn from the first 70 %, watch the next 15 % and test on the last 15 %.

    Args:
        series: which one is made, where no file is given.
        data: a CSV file of your own, with the names of the columns in its first row.
        column: of that file; not needed where it has one only.
        delimiter: between the fields of that file.
        season: steps in a season, which is repeated as a baseline; by default 168 for
            the seasonal series, 50 for Mackey-Glass, 1 (no season) for a file.
        history: values that a forecast is made from.
        horizon: steps ahead.
        length: of the series, where it is made.
        cell: of the net.
        hidden: its units.
        segment: values that it reads at a time.
        highway: whether it has a linear part.
        dropout: of its last state.
        steps: updates in all.
        batch_size: windows in one update.
        learning_rate: of Adam at the start; it falls to 0 along a cosine.
        ridge: of the linear baseline, for the sum of squares over all windows.
        level: share of the truth that the intervals should hold.
        windows: evaluated in each part at most, evenly spaced.
    """
    if data is not None:
        values = sources.read_column(data, column, delimiter=delimiter)
        described, season = f'{column or "the column"} of {data.name}', season or 1
    elif series == 'seasonal':
        values = sources.seasonal(0, length)
        described, season = 'trend, two seasons, noise (synthetic)', season or 168
    else:
        values = sources.mackey_glass(length)
        described, season = 'Mackey-Glass, delay 17 (synthetic)', season or 50
    if season > history:
        raise ValueError(
            f'season is {season} and history {history}, wanted a history of a season '
            'at least'
        )
    parts = sources.by_time(values, least=history + horizon)
    normalizer = sources.z_score(parts['train'][:, None])
    parts = {name: normalizer(part[:, None])[:, 0] for name, part in parts.items()}
    sets = {
        name: sources.all_windows(
            parts[name], history, horizon, every=-(-len(parts[name]) // windows)
        )
        for name in ('validation', 'test')
    }
    score = score_forecast(
        normalizer.scale[0], float(naive_scale(parts['train'], season)) or 1.0
    )
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    solve = on_all_windows(solve_readout('history', ridge=ridge), history, horizon)
    return Experiment(
        net=Forecasts(
            net=create_model(
                'forecaster',
                horizon=horizon,
                cell=CELLS[cell](hidden),
                segment=segment,
                highway=highway,
                dropout=dropout,
            ),
            linear=create_model('autoregression', horizon=horizon),
            seasonal=SeasonalNaive(horizon, season),
            naive=SeasonalNaive(horizon),
        ),
        players={
            'net': Player(
                optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule)),
                loss=within('net', regress('history', loss=huber)),
                trains=('net',),
            ),
            'linear': Player(
                optax.sgd(1.0),
                direction=within('linear', solve),
                trains=('linear',),
                during=(0, 1),
            ),
        },
        source=sources.together(
            {
                'net': sources.window_source(
                    parts['train'], history, horizon, batch_size
                ),
                'linear': sources.resident({'series': parts['train'][None]}),
            }
        ),
        steps=steps,
        data=f'{described}: {len(values):,} values, of which '
        + ', '.join(f'{len(part):,} {name}' for name, part in parts.items()),
        score=side_by_side(dict.fromkeys(COLOURS, score)),
        evaluation=sets,
        best='validation/net/scaled_error',
        higher=False,
        normalizers={'history': normalizer},
        pictures={
            'Forecasts': draw_forecasts(normalizer, level),
            'Error and horizon': draw_errors(normalizer),
        },
        measures={'interval': measure_interval(normalizer, level)},
    )


def on_all_windows(rule: Objective, history: int, horizon: int) -> Objective:
    """Let a rule see every window of a series at once.

    Args:
        rule: `(net, batch, step) -> (direction, metrics)`.
        history: values that a window gives.
        horizon: values after them.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> PyTree:
        series = batch['series'][0]
        starts = jnp.arange(sources.count_windows(len(series), history, horizon))
        return rule(net, sources.cut_windows(series, starts, history, horizon), step)

    return objective


def forecasts(outcome: Outcome, part: str) -> dict[str, np.ndarray]:
    """Let every member forecast every window of a part.

    Args:
        outcome: of the run.
        part: 'validation' or 'test'.

    Returns:
        [members, windows, horizon] by the kind of forecast, normalised.
    """

    def each(net: nn.Module, history: Array) -> dict[str, Array]:
        return {name: getattr(net, name)(history, train=False) for name in COLOURS}

    made = outcome.each(each, jnp.asarray(outcome.evaluation[part]['history']))
    return {name: np.asarray(values, np.float32) for name, values in made.items()}


def interval(outcome: Outcome, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute the interval of the ensemble's mean for every test window, normalised.

    Its variance is that between the members plus the mean square of what their mean
    missed in the validation windows, each step of the horizon for itself.

    Args:
        outcome: of the run.
        level: share of the truth that it should hold.
    """
    missed = outcome.evaluation['validation']['target'] - forecasts(
        outcome, 'validation'
    )['net'].mean(0)
    ends = predictive_interval(forecasts(outcome, 'test')['net'], missed, level)
    return np.asarray(ends[0]), np.asarray(ends[1])


def measure_interval(normalizer: sources.Normalizer, level: float) -> Measure:
    """Measure the interval's coverage and width, and the error of the ensemble's mean.

    Args:
        normalizer: of the series.
        level: share of the truth that the interval should hold.
    """

    def measure(outcome: Outcome) -> dict[str, float]:
        truth = outcome.evaluation['test']['target']
        low, high = interval(outcome, level)
        middle = forecasts(outcome, 'test')['net'].mean(0)
        unit = normalizer.scale[0]
        return {
            f'coverage_of_{100 * level:g}': float(coverage(low, high, truth)),
            'width': unit * float((high - low).mean()),
            'absolute_error_of_mean': unit * float(np.abs(middle - truth).mean()),
        }

    return measure


def draw_forecasts(normalizer: sources.Normalizer, level: float) -> Picture:
    """Draw four test windows: the end of the history, the truth, every forecast.

    Args:
        normalizer: of the series.
        level: share of the truth that the interval should hold.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        def original(values: np.ndarray) -> np.ndarray:
            return normalizer.inverse(values[..., None])[..., 0]

        test, made = outcome.evaluation['test'], forecasts(outcome, 'test')
        ends = interval(outcome, level)
        count, horizon = test['target'].shape
        shown = min(3 * horizon, test['history'].shape[1])
        before, after = np.arange(1 - shown, 1), np.arange(1, horizon + 1)
        figure = Figure(figsize=(11, 6.5), layout='constrained')
        for axes, window in zip(
            figure.subplots(2, 2).flat,
            np.linspace(0, count - 1, 4).astype(int),
            strict=True,
        ):
            seen = original(test['history'][window, -shown:, 0])
            axes.plot(before, seen, color='black', lw=1.2)
            truth = original(test['target'][window])
            axes.plot(after, truth, color='black', lw=2.2, label='truth')
            low, high = (original(end[window]) for end in ends)
            label = f'net, {100 * level:g} % interval'
            axes.fill_between(after, low, high, color='C0', alpha=0.2, label=label)
            for name, colour in COLOURS.items():
                middle = original(made[name][:, window].mean(0))
                style = '-' if name == 'net' else '--'
                axes.plot(after, middle, style, color=colour, lw=1.3, label=name)
            axes.axvline(0.5, color='0.7', lw=0.8)
            axes.set(title=f'test window {window}', xlabel='steps ahead')
            axes.grid(alpha=0.3)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside lower center', ncols=len(labels))
        return figure

    return draw


def draw_errors(normalizer: sources.Normalizer) -> Picture:
    """Draw the absolute error of each forecast against how far ahead it looks.

    Args:
        normalizer: of the series.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        truth = outcome.evaluation['test']['target']
        figure = Figure(figsize=(6.5, 4), layout='constrained')
        axes = figure.add_subplot()
        made = forecasts(outcome, 'test')
        for name in COLOURS:
            errors = normalizer.scale[0] * np.abs(made[name] - truth[None]).mean(1)
            after = np.arange(1, truth.shape[1] + 1)
            axes.plot(after, errors.mean(0), color=COLOURS[name], label=name)
            if len(errors) > 1:
                low, high = errors.min(0), errors.max(0)
                axes.fill_between(after, low, high, color=COLOURS[name], alpha=0.2)
        axes.set(
            xlabel='steps ahead',
            ylabel='mean absolute error on the test windows',
            yscale='log',
        )
        for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            axis('{x:g}')
        axes.grid(alpha=0.3, which='both')
        axes.legend(ncols=2)
        return figure

    return draw


if __name__ == '__main__':
    command(experiment)
