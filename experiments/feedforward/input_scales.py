"""Inputs as they are, and normalised in three ways (U1.15, D17).

Paper: LeCun, Bottou, Orr, Müller (1998), Efficient BackProp,
https://doi.org/10.1007/3-540-49430-8_2. Data: Street, Wolberg, Mangasarian (1993),
Nuclear feature extraction for breast tumor diagnosis.

The columns of the breast cancer table reach from 0.03 to 4,254. The same small net
learns them as they are, brought to [0, 1] (min-max), to mean 0 and range 1 (mean-range)
and to mean 0 and standard deviation 1 (z-score), each at several learning rates, side
by side. Every map is fitted on the training split.

Measured with 5 members, seed 0, on a 2-core CPU, after 1,000 updates, each at the rate
of six that is best on the validation split:

| inputs | rate | test accuracy |
|---|---|---|
| as they are | 0.001 | 69 ± 13 % |
| min-max | 10 | 97.0 ± 0.5 % |
| mean-range | 10 | 97.7 ± 0.5 % |
| z-score | 1 | 98.2 ± 0.0 % |

63 % of the test are of the frequent class. As they are, the large columns saturate the
units and the small ones are never seen. Normalised in any way the net learns; by the
z-score at the widest range of rates, while the two that divide by the range want
ten times as much for the same.
Cost: 48 s of training for all members beside other work. Command:
python experiments/feedforward/input_scales.py --members 5
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from dljax.cli import command

import jax
import numpy as np
import optax

from dljax import create_model, data
from dljax.experiment import Experiment, Outcome, once
from dljax.measures.tables import Table, entered
from dljax.models.container import container
from dljax.objectives import classify, score_classes, side_by_side, within
from dljax.pictures.progress import plain
from dljax.training import Player
from dljax.types import Objective, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCALES = {
    'raw': 'as they are',
    'min_max': 'min-max',
    'mean_range': 'mean-range',
    'z_score': 'z-score',
}
TINY = {'steps': 2, 'batch_size': 8, 'rates': (0.1,)}


def experiment(
    *,
    hidden: tuple[int, ...] = (16,),
    rates: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0),
    steps: int = 1000,
    batch_size: int = 32,
) -> Experiment:
    """Train a net for each way of scaling and each learning rate.

    Args:
        hidden: widths of the hidden layers, of sigmoid units: they may saturate, but
            nothing overflows.
        rates: of stochastic gradient descent.
        steps: updates in all.
        batch_size: examples in one update.
    """
    if not rates or min(rates) <= 0 or len(set(rates)) < len(rates):
        raise ValueError(f'rates={rates}, wanted one or more above 0, each once')
    cancer = data.load('breast_cancer')
    raw = np.asarray(cancer['train']['features'])
    maps = {
        'raw': data.Normalizer((0.0,) * raw.shape[1], (1.0,) * raw.shape[1], 'none'),
        'min_max': data.min_max(raw),
        'mean_range': data.mean_range(raw),
        'z_score': data.z_score(raw),
    }
    splits = {
        split: {
            'label': np.asarray(cancer[split]['label'], np.int32),
            **{name: to(cancer[split]['features']) for name, to in maps.items()},
        }
        for split in ('train', 'validation', 'test')
    }
    nets = {
        f'{scale}_{number}': (scale, rate)
        for scale in SCALES
        for number, rate in enumerate(rates)
    }
    net = create_model('mlp', hidden=hidden, outputs=1, activation=jax.nn.sigmoid)
    score = side_by_side(
        {name: score_classes(scale) for name, (scale, _) in nets.items()}
    )
    table = once(lambda outcome: best(outcome, score, rates))
    return Experiment(
        net=container(**dict.fromkeys(nets, net)),
        players={
            name: Player(
                optax.sgd(rate), loss=within(name, classify(scale)), trains=(name,)
            )
            for name, (scale, rate) in nets.items()
        },
        source=data.resident(splits['train'], batch_size),
        steps=steps,
        data_summary=cancer.summary,
        score=score,
        evaluation={split: splits[split] for split in ('validation', 'test')},
        evaluate_every=max(steps // 20, 1),
        inputs={
            **{scale: Spec(raw.shape[1:]) for scale in SCALES},
            'label': Spec((), 'int32', 0, 1),
        },
        measures={'best': entered(table)},
        pictures={
            'By learning rate': lambda outcome: by_rate(outcome, score, rates),
            'Learning at the best rate': lambda outcome: curves(outcome, table, rates),
        },
    )


def accuracies(
    outcome: Outcome, score: Objective, rates: tuple[float, ...], split: str, what: str
) -> dict[str, np.ndarray]:
    """Score all nets on a split.

    Args:
        outcome: of the run.
        score: of all nets, side by side.
        rates: of the learning.
        split: which set.
        what: 'accuracy' or 'loss'.

    Returns:
        [members, rates] by way of scaling.
    """
    found = outcome.each(score, outcome.evaluation[split], 0)
    return {
        scale: np.stack(
            [np.mean(found[f'{scale}_{n}/{what}'], axis=1) for n in range(len(rates))],
            axis=1,
        )
        for scale in SCALES
    }


def best(outcome: Outcome, score: Objective, rates: tuple[float, ...]) -> Table:
    """Choose each scaling's rate by the validation loss; score it on the test.

    Args:
        outcome: of the run.
        score: of all nets, side by side.
        rates: of the learning.

    Returns:
        'rate', 'accuracy' on the test in [0, 1] and 'loss' in nats, [members] each, by
        way of scaling.
    """
    chosen = accuracies(outcome, score, rates, 'validation', 'loss')
    right = accuracies(outcome, score, rates, 'test', 'accuracy')
    losses = accuracies(outcome, score, rates, 'test', 'loss')
    found = {}
    for scale in SCALES:
        place = chosen[scale].mean(0).argmin()
        found[scale] = {
            'rate': np.full(len(chosen[scale]), rates[place]),
            'accuracy': right[scale][:, place],
            'loss': losses[scale][:, place],
        }
    return found


def by_rate(outcome: Outcome, score: Objective, rates: tuple[float, ...]) -> 'Figure':
    """Draw the test accuracy against the learning rate, a line each scaling."""
    figure = plain(5.5, 3.8)
    axes = figure.add_subplot()
    right = accuracies(outcome, score, rates, 'test', 'accuracy')
    for scale, title in SCALES.items():
        mean, spread = 100 * right[scale].mean(0), 100 * right[scale].std(0)
        axes.errorbar(rates, mean, spread, marker='o', capsize=3, label=title)
    label = outcome.evaluation['test']['label']
    guess = 100 * max(label.mean(), 1 - label.mean())
    axes.axhline(guess, color='black', linestyle=':', label='the frequent class')
    axes.set(xscale='log', xlabel='learning rate', ylabel='test accuracy in %')
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def curves(
    outcome: Outcome, table: Callable[[Outcome], Table], rates: tuple[float, ...]
) -> 'Figure':
    """Draw the validation loss against updates, each scaling at its best rate."""
    figure = plain(5.5, 3.8)
    axes = figure.add_subplot()
    chosen = table(outcome)
    for scale, title in SCALES.items():
        rate = float(chosen[scale]['rate'][0])
        key = f'validation/{scale}_{rates.index(rate)}/loss'
        rows = [row for row in outcome.rows if key in row]
        steps = [row['step'] for row in rows]
        axes.plot(steps, [row[key] for row in rows], label=f'{title}, rate {rate:g}')
    axes.set(yscale='log', xlabel='updates', ylabel='validation cross-entropy in nats')
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


if __name__ == '__main__':
    command(experiment)
