"""Faults in a time series, found by what an autoencoder cannot rebuild (U5.5).

Paper: Malhotra et al. (2016), LSTM-based encoder-decoder for multi-sensor anomaly
detection, https://arxiv.org/abs/1607.00148 (score by the error of a reconstruction that
was learned from clean data; here dense layers over windows).

Ten faults of each kind stand at known places of a noisy series: spikes, shifts, a
stuck value and a passage at twice the speed; all but the spikes last 24 steps. The nets
were trained on clean windows of 48 steps, which do not tell where in the week they are;
the two detectors beside them are given the season.

Measured with 5 members, seed 0, on a 2-core CPU, as the area under the ROC curve of the
steps of a kind against those where nothing is wrong; for the autoencoder the mean, with
a standard deviation of at most 0.014:

| series | detector | spike | shift | stuck | frequency | any |
|---|---|---|---|---|---|---|
| seasonal | autoencoder | 0.999 | 0.850 | 0.888 | 0.950 | 0.897 |
| | principal components | 0.999 | 0.782 | 0.828 | 0.896 | 0.838 |
| | place in the season | 1.000 | 1.000 | 0.937 | 0.933 | 0.957 |
| | last season | 0.918 | 0.927 | 0.844 | 0.837 | 0.870 |
| Mackey-Glass | autoencoder | 0.993 | 0.917 | 0.838 | 0.930 | 0.896 |
| | principal components | 0.997 | 0.660 | 0.406 | 0.850 | 0.644 |
| | place in the season | 0.596 | 0.730 | 0.584 | 0.753 | 0.688 |
| | last season | 0.437 | 0.653 | 0.585 | 0.567 | 0.599 |

Where the season is known and strict, to know it is better than to learn it: a Gaussian
for each of the 168 hours of the week beats the autoencoder, but for wrong frequencies.
On the chaotic series, which has no season, it is the other way round, and 8 principal
components rebuild a value that is stuck better than the series itself.
Cost: 11 s of training for all on either series. Commands:
python experiments/autoencoders/anomaly_series.py --members 5
python experiments/autoencoders/anomaly_series.py --members 5 --series mackey_glass
"""

from typing import Literal

from dljax.cli import command

import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data
from dljax.experiment import Experiment, Outcome
from dljax.metrics import area_under_roc
from dljax.models.container import container
from dljax.objectives import (
    autoencode,
    score_reconstruction,
    side_by_side,
    solve_components,
    within,
)
from dljax.pictures.anomalies import draw_areas, draw_faults
from dljax.training import Player
from dljax.types import Array, Batch, Metrics, Objective, PyTree

TINY = {'steps': 3, 'length': 1800, 'each': 1, 'hidden': (8,), 'window': 24}
NETS = ('deep', 'linear')
TITLES = {
    'deep': 'autoencoder',
    'linear': 'principal components',
    'position': 'Gaussian of the place in the season',
    'seasonal': 'error of the last season',
}
SERIES = {'seasonal': 'a day and a week of hours', 'mackey_glass': 'Mackey-Glass'}


def experiment(
    *,
    series: Literal['seasonal', 'mackey_glass'] = 'seasonal',
    length: int = 16000,
    noise: float = 0.1,
    window: int = 48,
    code: int = 8,
    hidden: tuple[int, ...] = (128, 64),
    steps: int = 3000,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    each: int = 10,
    fault: int = 24,
    size: float = 1.0,
) -> Experiment:
    """Learn windows of the clean first part, and score the last part with faults in it.

    Args:
        series: which one is made.
        length: of the series.
        noise: standard deviation of what is added to the series, in its own.
        window: values that are rebuilt together.
        code: width of the codes.
        hidden: widths of the hidden layers of the autoencoder.
        steps: updates in all.
        batch_size: windows in one update.
        learning_rate: of Adam at the start; it falls to 0 along a cosine.
        each: faults of each kind in the test part.
        fault: steps that a fault lasts.
        size: of spikes and shifts, in standard deviations of the series.
    """
    if series == 'seasonal':
        clean, season = data.seasonal(0, length, trend=0.0, noise=0.0), 168
    else:
        clean, season = data.mackey_glass(length), 50
    random = np.random.default_rng(0)
    noisy = clean + noise * clean.std() * random.normal(size=length)
    parts = data.by_time(noisy, (0.6, 0.1, 0.3), least=max(season, window + 1))
    normalizer = data.z_score(parts['train'][:, None])
    parts = {name: normalizer(part[:, None])[:, 0] for name, part in parts.items()}
    damaged, marks = data.inject_faults(
        0, parts['test'], each=each, length=fault, size=size
    )
    sets = {
        name: {'history': data.all_windows(part, window, 1)['history']}
        for name, part in {**parts, 'test': damaged}.items()
        if name != 'train'
    }
    baselines = by_season(parts, damaged, season)
    shape = (window, 1)
    deep = create_model('autoencoder', code=code, hidden=hidden, shape=shape)
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    return Experiment(
        net=container(
            deep=deep.clone(logits=False),
            linear=create_model('linear_autoencoder', code=code, shape=shape),
        ),
        players={
            'deep': Player(
                optax.adam(schedule),
                loss=within('deep', autoencode('history')),
                trains=('deep',),
            ),
            'linear': Player(
                optax.sgd(1.0),
                direction=within('linear', on_all_windows(window)),
                trains=('linear',),
                during=(0, 1),
            ),
        },
        source=data.together(
            {
                'deep': data.window_source(parts['train'], window, 1, batch_size),
                'linear': data.resident({'series': parts['train'][None]}),
            }
        ),
        steps=steps,
        data_summary=f'{SERIES[series]}, noise of {noise:g} deviations (synthetic): '
        + ', '.join(f'{len(part):,} {name}' for name, part in parts.items())
        + f'; {4 * each} faults in the last',
        score=side_by_side(dict.fromkeys(NETS, score_reconstruction('history'))),
        evaluation=sets,
        normalizers={'history': normalizer},
        measures={'auroc': lambda outcome: measure(outcome, baselines, marks)},
        pictures={
            'Faults and scores': lambda outcome: draw_faults(
                damaged[:-1],
                scores(outcome, baselines),
                marks[:-1],
                data.FAULTS,
                TITLES,
            ),
            'Kinds of faults': lambda outcome: draw_areas(
                measure(outcome, baselines, marks), (*data.FAULTS, 'any'), TITLES
            ),
        },
    )


def on_all_windows(window: int) -> Objective:
    """Solve for the principal components of every window of a series.

    Args:
        window: values in each.
    """
    solve = solve_components('history')

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        series = batch['series'][0]
        starts = jnp.arange(data.count_windows(len(series), window, 1))
        return solve(net, data.cut_windows(series, starts, window, 1), step)

    return objective


def by_season(
    parts: dict[str, np.ndarray], damaged: np.ndarray, season: int
) -> dict[str, np.ndarray]:
    """Score each step by what is known of the season alone.

    Args:
        parts: the clean parts, in the order of time.
        damaged: [time], what stands in the place of the test part.
        season: steps in it.

    Returns:
        'position', the distance from the mean of the step's place in the season, in
        standard deviations of that place in training, and 'seasonal', the distance
        from the value of a season before; [time] each.
    """
    train, before = parts['train'], parts['validation']
    places = train[: len(train) // season * season].reshape(-1, season)
    here = (len(train) + len(before) + np.arange(len(damaged))) % season
    known = np.concatenate([before[-season:], damaged])
    return {
        'position': np.abs(damaged - places.mean(0)[here]) / places.std(0)[here],
        'seasonal': np.abs(known[season:] - known[:-season]),
    }


def scores(outcome: Outcome, baselines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Score every step of the test part but the last: [members, time] by detector.

    That of a net is the squared error of its reconstruction, averaged over the windows
    that hold the step.
    """

    def errors(net: nn.Module, history: Array) -> dict[str, Array]:
        return {
            name: jnp.square(getattr(net, name).reconstruct(history) - history)[..., 0]
            for name in NETS
        }

    history = jnp.asarray(outcome.evaluation['test']['history'])
    found = {
        name: data.average_windows(np.asarray(values))
        for name, values in outcome.each(errors, history).items()
    }
    return found | {name: values[None, :-1] for name, values in baselines.items()}


def measure(
    outcome: Outcome, baselines: dict[str, np.ndarray], marks: np.ndarray
) -> dict[str, float | np.ndarray]:
    """Measure the area under the ROC curve of each detector for each kind of fault.

    The steps of a kind stand against those where nothing is wrong.
    """
    figures = {}
    for name, each in scores(outcome, baselines).items():
        for index, kind in enumerate((*data.FAULTS, 'any')):
            found = marks[:-1] == index + 1 if kind != 'any' else marks[:-1] > 0
            among = found | (marks[:-1] == 0)
            areas = [area_under_roc(score[among], found[among]) for score in each]
            figures[f'{name}_{kind}'] = np.array(areas)
    return figures


if __name__ == '__main__':
    command(experiment)
