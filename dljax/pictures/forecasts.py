"""Pictures of forecasts: windows with intervals, and errors by steps ahead."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.data import Normalizer
from dljax.experiment import Outcome, Picture
from dljax.metrics import predictive_interval
from dljax.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def forecasts(
    outcome: Outcome, kinds: Sequence[str], part: str = 'test'
) -> dict[str, np.ndarray]:
    """Let every member forecast every window of a part.

    Args:
        outcome: of a run whose net holds several forecasters.
        kinds: the fields of the net.
        part: which set; it holds 'history' [windows, time, 1].

    Returns:
        [members, windows, horizon] float32 by kind, normalised as the histories are.
    """

    def each(net: nn.Module, history: Array) -> dict[str, Array]:
        return {kind: getattr(net, kind)(history, train=False) for kind in kinds}

    made = outcome.each(each, jnp.asarray(outcome.evaluation[part]['history']))
    return {kind: np.asarray(made[kind], np.float32) for kind in kinds}


def interval(
    outcome: Outcome, kind: str, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the interval of the members' mean for every test window, normalised.

    Its variance is that between the members plus the mean square of what their mean
    missed in the validation windows, each step of the horizon for itself.

    Args:
        outcome: of a run with the sets 'validation' and 'test'.
        kind: the field of the net.
        level: fraction of the truth that it should hold, in (0, 1).

    Returns:
        The lower and the upper end, [windows, horizon].
    """
    elsewhere = forecasts(outcome, (kind,), 'validation')[kind].mean(0)
    missed = outcome.evaluation['validation']['target'] - elsewhere
    ends = predictive_interval(forecasts(outcome, (kind,))[kind], missed, level)
    return np.asarray(ends[0]), np.asarray(ends[1])


def forecast_windows(
    kinds: Sequence[str], normalizer: Normalizer, level: float = 0.95
) -> Picture:
    """Draw four test windows: the end of the history, the truth, every forecast.

    Args:
        kinds: the fields of the net; the first is drawn with its interval.
        normalizer: of the series.
        level: fraction of the truth that the interval should hold.

    Returns:
        The picture.
    """

    def original(values: np.ndarray) -> np.ndarray:
        return normalizer.inverse(values[..., None])[..., 0]

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        test, made = outcome.evaluation['test'], forecasts(outcome, kinds)
        ends = interval(outcome, kinds[0], level)
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
            label = f'{kinds[0]}, {100 * level:g} % interval'
            axes.fill_between(after, low, high, color='C0', alpha=0.2, label=label)
            for index, kind in enumerate(kinds):
                middle = original(made[kind][:, window].mean(0))
                style = '--' if index else '-'
                axes.plot(after, middle, style, color=f'C{index}', lw=1.3, label=kind)
            axes.axvline(0.5, color='0.7', lw=0.8)
            axes.set(title=f'test window {window}', xlabel='steps ahead')
            axes.grid(alpha=0.3)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside lower center', ncols=len(labels))
        return figure

    return draw


def error_by_step(kinds: Sequence[str], normalizer: Normalizer) -> Picture:
    """Draw the absolute error of each forecast against how far ahead it looks.

    A band reaches from the best to the worst member.

    Args:
        kinds: the fields of the net.
        normalizer: of the series.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogLocator

        truth = outcome.evaluation['test']['target']
        after = np.arange(1, truth.shape[1] + 1)
        figure = Figure(figsize=(6.5, 4), layout='constrained')
        axes = figure.add_subplot()
        for index, (kind, values) in enumerate(forecasts(outcome, kinds).items()):
            errors = normalizer.scale[0] * np.abs(values - truth[None]).mean(1)
            axes.plot(after, errors.mean(0), color=f'C{index}', label=kind)
            low, high = errors.min(0), errors.max(0)
            axes.fill_between(after, low, high, color=f'C{index}', alpha=0.2)
        axes.set(
            xlabel='steps ahead',
            ylabel='mean absolute error on the test windows',
            yscale='log',
        )
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter('{x:g}')
        axes.yaxis.set_minor_formatter('')
        axes.grid(alpha=0.3)
        axes.legend(ncols=2)
        return figure

    return draw
