"""The adding problem: memory over hundreds of steps (U3.1, U3.2, U3.5).

Paper: Hochreiter, Schmidhuber (1997), Long short-term memory,
https://doi.org/10.1162/neco.1997.9.8.1735; in the form of Le, Jaitly, Hinton (2015), A
simple way to initialize recurrent networks of rectified linear units,
https://arxiv.org/abs/1504.00941.

Two of the numbers of a sequence are marked and their sum is wanted. Always to predict 1
costs a squared error of 0.167. Each cell learns three lengths by nets of its own.

Measured with one member, seed 0, on a 2-core CPU, as the squared error on 1,000 test
sequences after 3,000 updates:

| cell | 100 steps | 200 steps | 400 steps | seconds, on a busy machine |
|---|---|---|---|---|
| elman, tanh | 0.165 | 0.157 | 0.184 | 48 |
| irnn | 0.166 | 0.157 | 0.184 | 30 |
| lstm | 0.00014 | 0.00080 | 0.0016 | 163 |
| gru | 0.000053 | 0.000064 | 0.000047 | 95 |

The IRNN's paper reports that it learns the problem too, at smaller rates and over many
more updates; at these settings it does not.

Commands:
python experiments/recurrent/adding_problem.py
python experiments/recurrent/adding_problem.py --cells elman
python experiments/recurrent/adding_problem.py --cells lstm
python experiments/recurrent/adding_problem.py --cells gru
python experiments/recurrent/adding_problem.py --cells irnn
"""

from typing import TYPE_CHECKING, Literal

from dljax.cli import command

import jax
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data
from dljax.experiment import Experiment, Outcome, Picture
from dljax.layers import GRU, LSTM, Elman, RecurrentStack, identity
from dljax.models.container import container
from dljax.objectives import regress, score_regression, side_by_side, within
from dljax.training import Player, clipped
from dljax.types import Array, Key, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = Literal['elman', 'irnn', 'lstm', 'gru']
BASELINE = 1 / 6
TINY = {
    'cells': ('irnn',),
    'steps': 3,
    'batch_size': 4,
    'units': 4,
    'lengths': (4, 6),
}


def experiment(
    *,
    cells: tuple[Cell, ...] = ('elman', 'lstm', 'gru'),
    lengths: tuple[int, ...] = (100, 200, 400),
    steps: int = 3000,
    batch_size: int = 32,
    units: int = 64,
    learning_rate: float = 1e-2,
    clip: float = 1.0,
) -> Experiment:
    """Train a net for each cell and length, side by side.

    Args:
        cells: which recurrent layers.
        lengths: of the sequences.
        steps: updates in all.
        batch_size: sequences in one update, of each length.
        units: in the recurrent layer.
        learning_rate: of Adam after a tenth of the updates; it then falls to 0 along a
            cosine.
        clip: largest global norm of a gradient.
    """
    made: dict[Cell, nn.Module] = {
        'elman': Elman(units),
        'irnn': Elman(
            units,
            activation=jax.nn.relu,
            kernel_init=nn.initializers.normal(1e-3),
            recurrent_init=identity,
        ),
        'lstm': LSTM(units),
        'gru': GRU(units),
    }
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, max(steps // 10, 1), steps
    )
    features = {
        f'{cell}_{length}': (f'sequence_{length}', f'target_{length}')
        for cell in cells
        for length in lengths
    }

    def draw(key: Key, examples: int) -> dict[str, Array]:
        return {
            f'{feature}_{length}': values
            for length in lengths
            for feature, values in data.adding_problem(key, examples, length).items()
        }

    test = {k: np.asarray(v) for k, v in draw(jax.random.key(1), 1000).items()}
    return Experiment(
        net=container(
            **{
                f'{cell}_{length}': create_model(
                    'sequence_classifier', outputs=1, stack=RecurrentStack(made[cell])
                )
                for cell in cells
                for length in lengths
            }
        ),
        players={
            name: Player(
                clipped(optax.adam(schedule), clip),
                loss=within(name, regress(*pair)),
                trains=(name,),
            )
            for name, pair in features.items()
        },
        source=data.procedural(draw, batch_size),
        steps=steps,
        data_summary='the adding problem (synthetic): drawn without end, 1,000 test',
        score=side_by_side(
            {name: score_regression(*pair) for name, pair in features.items()}
        ),
        evaluation={'test': test},
        inputs={f'sequence_{length}': Spec((length, 2)) for length in lengths}
        | {f'target_{length}': Spec(()) for length in lengths},
        record_every=max(steps // 100, 1),
        pictures={'Learning by length': by_length(cells, lengths)},
    )


def by_length(cells: tuple[Cell, ...], lengths: tuple[int, ...]) -> Picture:
    """Draw each cell's error against the updates, a panel a length.

    Args:
        cells: the lines.
        lengths: the panels.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4 * len(lengths), 3.8), layout='constrained')
        panels = figure.subplots(1, len(lengths), sharey=True, squeeze=False)[0]
        steps = [row['step'] for row in outcome.rows]
        for axes, length in zip(panels, lengths, strict=True):
            for cell in cells:
                name = f'{cell}_{length}/squared_error'
                axes.plot(steps, [row[name] for row in outcome.rows], label=cell)
            axes.axhline(
                BASELINE, color='black', linestyle=':', label='always to predict 1'
            )
            axes.set(title=f'{length} steps', xlabel='updates', yscale='log')
            axes.grid(alpha=0.3)
        panels[0].set_ylabel('squared error on the training batches')
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside lower center', ncols=len(labels))
        return figure

    return draw


if __name__ == '__main__':
    command(experiment)
