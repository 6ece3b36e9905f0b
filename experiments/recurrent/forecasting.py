"""Forecasts of several steps with intervals, beside some that cost nothing (U3.8).

Paper: Lin et al. (2023), SegRNN: segment recurrent neural network for long-term time
series forecasting, https://arxiv.org/abs/2308.11200; scaled errors: Hyndman, Koehler
(2006), https://doi.org/10.1016/j.ijforecast.2006.03.001.

Measured with 5 members, seed 0, on a 2-core CPU, as the mean absolute error over 24
steps of all test windows, which no other part of the series reaches into:

| series | net | linear | seasonal | naive | 95 % intervals hold |
|---|---|---|---|---|---|
| seasonal | 0.4030 ± 0.0003 | 0.4053 | 0.563 | 3.83 | 94.1 % |
| Mackey-Glass | 0.00164 ± 0.00005 | 0.0438 | 0.155 | 0.253 | 98.9 % |
| seasonal, --no-highway | 0.558 ± 0.007 | | | | 94.2 % |
| Mackey-Glass, --no-highway | 0.0022 ± 0.0001 | | | | 99.3 % |

The seasonal series is all but linear, and its noise alone makes 0.399: there the net is
no better than a linear forecast (by 0.6 %), and without its linear part it is as poor
as to repeat the last week. On Mackey-Glass it errs 27 times less than the linear one.
The mean of the five members has 0.4017 and 0.0013. The number of updates was chosen on
a short run of each.

The training ends where the validation error of the net has not fallen for `patience`
evaluations, and what counts is the best of them, 'best/test/net/...' where it is not
the last; none of the runs above ends early. The column OT of ETTh1 does, 96 steps ahead
with one member: after 600 of 1,500 updates, with 2.07 at the best (after 150) and 2.13
at the last, where linear has 2.00 and naive 2.38. Pictures and intervals are of the
last update.

The intervals are normal ones about that mean, with the variance between the members
plus the mean square of what their mean missed in the validation windows.
Cost: 20 s of training for all on either series. Commands:
python experiments/recurrent/forecasting.py --members 5
python experiments/recurrent/forecasting.py --members 5 --series mackey_glass
python experiments/recurrent/forecasting.py --data FILE --column NAME --date NAME
--season 12
"""

from pathlib import Path
from typing import Literal

from dljax.cli import command

import numpy as np
import optax
from flax import linen as nn

from dljax import create_model
from dljax import data as sources
from dljax.experiment import Experiment, Measure, Outcome
from dljax.layers import GRU, LSTM, Elman, SeasonalNaive
from dljax.losses import huber
from dljax.metrics import coverage, naive_scale
from dljax.objectives import (
    on_all_windows,
    regress,
    score_forecast,
    side_by_side,
    solve_readout,
    within,
)
from dljax.pictures.forecasts import (
    error_by_step,
    forecast_windows,
    forecasts,
    interval,
)
from dljax.training import Player, stalled

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
KINDS = ('net', 'linear', 'seasonal', 'naive')


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
    date: str | None = None,
    date_format: str | None = None,
    gaps: Literal['refuse', 'keep', 'fill'] = 'refuse',
    delimiter: str | None = None,
    decimal: Literal['.', ','] | None = None,
    header: bool | None = None,
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
    patience: int = 3,
    ridge: float = 1.0,
    level: float = 0.95,
    windows: int = 2000,
) -> Experiment:
    """Learn from the first 70 %, watch the next 15 % and test on the last 15 %.

    Args:
        series: which one is made, where no file is given.
        data: a CSV file of your own, with the names of the columns in its first row.
        column: of that file; not needed where it has one only.
        date: the column that tells when, by which the rows are sorted; '' takes them as
            they stand. Without, they have to be the oldest first already.
        date_format: of the dates: iso, day-first, month-first, year, unix, unix-ms,
            number, or a pattern such as %d.%m.%y; by default the one that fits.
        gaps: where the dates leave some: refuse, keep the rows one after the other, or
            fill by straight lines.
        delimiter: between the fields of that file; by default what parts its first row.
        decimal: sign of the decimals in that file; by default the point.
        header: whether its first row holds names; if not, columns are called 1, 2, ...
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
        steps: updates at most.
        batch_size: windows in one update.
        learning_rate: of Adam at the start; it falls to 0 along a cosine.
        patience: evaluations (of which there are ten) without a better validation
            error of the net before the training ends.
        ridge: of the linear baseline, for the sum of squares over all windows.
        level: fraction of the truth that the intervals should hold.
        windows: evaluated in each part at most, evenly spaced.
    """
    if data is not None:
        values = sources.read_column(
            data,
            column,
            delimiter=delimiter,
            decimal=decimal,
            header=header,
            date=date,
            date_format=date_format,
            gaps=gaps,
        )
        described, season = f'{column or "the column"} of {data.name}', season or 1
        if date:
            described += f' by {date}' + ', gaps filled by lines' * (gaps == 'fill')
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
        data_summary=f'{described}: {len(values):,} values, of which '
        + ', '.join(f'{len(part):,} {name}' for name, part in parts.items()),
        score=side_by_side(dict.fromkeys(KINDS, score)),
        evaluation=sets,
        best='validation/net/scaled_error',
        maximize=False,
        stop=stalled('validation/net/scaled_error', patience),
        normalizers={'history': normalizer},
        pictures={
            'Forecasts': forecast_windows(KINDS, normalizer, level),
            'Error and horizon': error_by_step(KINDS, normalizer),
        },
        measures={'interval': measure_interval(normalizer, level)},
    )


def measure_interval(normalizer: sources.Normalizer, level: float) -> Measure:
    """Measure the interval's coverage and width, and the error of the ensemble's mean.

    Args:
        normalizer: of the series.
        level: fraction of the truth that the interval should hold.
    """

    def measure(outcome: Outcome) -> dict[str, float]:
        truth = outcome.evaluation['test']['target']
        low, high = interval(outcome, 'net', level)
        middle = forecasts(outcome, ('net',))['net'].mean(0)
        unit = normalizer.scale[0]
        return {
            f'coverage_of_{100 * level:g}': float(coverage(low, high, truth)),
            'width': unit * float((high - low).mean()),
            'absolute_error_of_mean': unit * float(np.abs(middle - truth).mean()),
        }

    return measure


if __name__ == '__main__':
    command(experiment)
