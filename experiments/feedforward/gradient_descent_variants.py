"""Batch, stochastic and mini-batch gradient descent, side by side (U1.7).

Paper: Cauchy (1847), Méthode générale pour la résolution des systèmes d'équations
simultanées; Robbins, Monro (1951), A stochastic approximation method,
https://doi.org/10.1214/aoms/1177729586.

Three equal logistic units start from zero and descend at the same rate; only the number
of examples in an update differs.

Measured with 5 members, seed 0, on a 2-core CPU, after 2,400 updates at the rate 0.2:

| variant | examples seen | cost on the training set | test accuracy |
|---|---|---|---|
| batch, 398 | 955,200 | 0.0489 | 98.2 % |
| mini-batch, 32 | 76,800 | 0.0489 ± 0.0000 | 98.2 ± 0.0 % |
| stochastic, 1 | 2,400 | 0.068 ± 0.012 | 96.1 ± 0.5 % |

An update of a mini-batch is worth one of the whole set at a twelfth of the examples;
single examples are cheaper still, but the cost goes on jumping. With --tolerance 1e-4
the run ends after 612 updates (51 epochs of mini-batches) at the cost 0.0586.
Cost: 10 s for all members. Command:
python experiments/feedforward/gradient_descent_variants.py --members 5
"""

from typing import TYPE_CHECKING

from dljax.cli import command

import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data
from dljax.experiment import Experiment, Outcome, Picture
from dljax.objectives import classify, score_classes, side_by_side, within
from dljax.training import Player, settled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'steps': 4, 'batch_size': 8}


class Variants(nn.Module):
    """Equal nets, one for each size of the batch."""

    batch: nn.Module
    stochastic: nn.Module
    mini_batch: nn.Module


def experiment(
    *,
    steps: int = 2400,
    batch_size: int = 32,
    learning_rate: float = 0.2,
    tolerance: float | None = None,
) -> Experiment:
    """Descend with all, one and some of the examples in each update.

    Args:
        steps: updates of each variant at most.
        batch_size: examples in a mini-batch.
        learning_rate: of all three.
        tolerance: ends the run as soon as the mini-batches' mean cost changes by less
            from one epoch to the next.
    """
    cancer = data.load('breast_cancer')
    normalizer = data.z_score(cancer['train']['features'])

    train = cancer.table('train', normalizer)
    sizes = {'batch': None, 'stochastic': 1, 'mini_batch': batch_size}
    seen = {name: size or len(train['label']) for name, size in sizes.items()}
    epoch = data.batches_per_epoch(train, batch_size)
    start = nn.initializers.zeros
    return Experiment(
        net=Variants(
            **{
                name: create_model('logistic_regression', kernel_init=start)
                for name in sizes
            }
        ),
        players={
            name: Player(
                optax.sgd(learning_rate),
                loss=within(name, classify('features')),
                trains=(name,),
            )
            for name in sizes
        },
        source=data.together(
            {name: data.resident(train, size) for name, size in sizes.items()}
        ),
        steps=steps,
        data_summary=cancer.summary,
        score=side_by_side({name: score_classes('features') for name in sizes}),
        evaluation={'train': train, 'test': cancer.table('test', normalizer)},
        stop=None if tolerance is None else settled('mini_batch/loss', tolerance),
        record_every=epoch,
        evaluate_every=2 * epoch,
        pictures={'Variants': against(seen)},
        normalizers={'features': normalizer},
    )


def against(seen: dict[str, int]) -> Picture:
    """Draw the cost on the training set against updates and against examples.

    Args:
        seen: examples in an update, by variant.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4), layout='constrained')
        left, right = figure.subplots(1, 2, sharey=True)
        for width, (name, size) in zip((4, 1, 1.5), seen.items(), strict=True):
            metric = f'train/{name}/loss'
            points = [(r['step'], r[metric]) for r in outcome.rows if metric in r]
            updates, cost = np.array(points).T
            left.plot(updates, cost, lw=width, label=f'{name}: {size} in an update')
            right.plot(updates * size, cost, lw=width)
        left.set(xlabel='updates', ylabel='cost on the training set', yscale='log')
        right.set(xlabel='examples seen', xscale='log')
        for axes in (left, right):
            axes.grid(alpha=0.3, which='both')
        left.legend()
        return figure

    return draw


if __name__ == '__main__':
    command(experiment)
