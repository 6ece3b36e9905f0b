"""Pictures of forecasts of several columns, of the last update."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from flax import linen as nn

from dljax.data import Normalizer
from dljax.experiment import Outcome, Picture, once
from dljax.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def column_forecasts(
    kinds: Sequence[str], *, most: int = 200, size: int = 25
) -> Callable[[Outcome], dict[str, np.ndarray]]:
    """Let forecasters predict test windows that are evenly spaced, once for all.

    Args:
        kinds: the fields of the net; of an ensemble the first member is taken.
        most: windows at most.
        size: windows at once.

    Returns:
        `(outcome) -> arrays`: 'history' [windows, time, column], 'target' and each kind
        [windows, horizon, column], all normalised.
    """

    def predict(net: nn.Module, history: Array) -> dict[str, Array]:
        return {kind: getattr(net, kind)(history, train=False) for kind in kinds}

    def compute(outcome: Outcome) -> dict[str, np.ndarray]:
        test = outcome.evaluation['test']
        every = -(-len(test['target']) // most)
        seen = {name: np.asarray(test[name][::every]) for name in ('history', 'target')}
        return {**seen, **outcome.in_parts(predict, seen['history'], size=size)}

    return once(compute)


def draw_columns(
    made: Callable[[Outcome], dict[str, np.ndarray]],
    kinds: Sequence[str],
    names: Sequence[str],
    normalizer: Normalizer,
) -> Picture:
    """Draw up to four columns, each in a test window of its own.

    Args:
        made: of `column_forecasts`.
        kinds: the forecasts to draw.
        names: of the columns.
        normalizer: of the series.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        found = {k: normalizer.inverse(v) for k, v in made(outcome).items()}
        windows, horizon, _ = found['target'].shape
        columns = np.unique(np.linspace(0, len(names) - 1, 4).astype(int))
        places = np.linspace(0, windows - 1, len(columns) + 2).astype(int)[1:-1]
        shown = min(2 * horizon, found['history'].shape[1])
        before, after = np.arange(1 - shown, 1), np.arange(1, horizon + 1)
        figure = Figure(figsize=(11, 6.5), layout='constrained')
        grid = figure.subplots(-(-len(columns) // 2), 2, squeeze=False).flat
        for axes, column, window in zip(grid, columns, places, strict=False):
            seen = found['history'][window, -shown:, column]
            axes.plot(before, seen, color='black', lw=1.2)
            truth = found['target'][window, :, column]
            axes.plot(after, truth, color='black', lw=2.2, label='truth')
            for index, kind in enumerate(kinds):
                ahead = found[kind][window, :, column]
                style = '--' if index else '-'
                axes.plot(after, ahead, style, color=f'C{index}', lw=1.3, label=kind)
            axes.axvline(0.5, color='0.7', lw=0.8)
            axes.set(title=f'{names[column]}, a test window', xlabel='steps ahead')
            axes.grid(alpha=0.3)
        first = figure.axes[0]
        for axes in figure.axes[len(columns) :]:
            axes.set_axis_off()
        handles, labels = first.get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside lower center', ncols=len(labels))
        return figure

    return draw


def draw_column_errors(
    made: Callable[[Outcome], dict[str, np.ndarray]],
    kinds: Sequence[str],
    names: Sequence[str],
) -> Picture:
    """Draw the mean squared error by steps ahead, and by column.

    Args:
        made: of `column_forecasts`.
        kinds: the forecasts to draw.
        names: of the columns.

    Returns:
        The picture; errors are those of the normalised values.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        found = made(outcome)
        figure = Figure(figsize=(11, 4), layout='constrained')
        by_step, by_column = figure.subplots(1, 2)
        after = np.arange(1, found['target'].shape[1] + 1)
        wide = 0.8 / len(kinds)
        for index, kind in enumerate(kinds):
            errors = np.square(found[kind] - found['target'])
            by_step.plot(after, errors.mean((0, 2)), color=f'C{index}', label=kind)
            place = np.arange(len(names)) + wide * (index - (len(kinds) - 1) / 2)
            by_column.bar(place, errors.mean((0, 1)), wide, color=f'C{index}')
        by_step.set(xlabel='steps ahead', ylabel='mean squared error, test windows')
        by_step.legend()
        by_column.set_xticks(np.arange(len(names)), names, rotation=30)
        by_column.set(ylabel='mean squared error, test windows')
        for axes in (by_step, by_column):
            axes.grid(alpha=0.3)
        return figure

    return draw
