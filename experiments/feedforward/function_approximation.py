"""Universal approximation: the error of one hidden layer falls with its width (U1.3).

Paper: Hornik (1991), Approximation capabilities of multilayer feedforward networks,
https://doi.org/10.1016/0893-6080(91)90009-T; Cybenko (1989), Approximation by
superpositions of a sigmoidal function, https://doi.org/10.1007/BF02551274.

Six nets with 2 to 64 tanh units learn the same function of one variable side by side.

Measured with 5 members, seed 0, on a 2-core CPU, as the mean squared error on the 256
points held out after 10,000 updates, of a curve of variance 0.37:

| units | 2 | 4 | 8 | 16 | 32 | 64 |
|---|---|---|---|---|---|---|
| error | 0.158 | 0.030 | 0.0044 | 0.00031 | 0.00010 | 0.00009 |
| deviation | 0.069 | 0.009 | 0.0039 | 0.00025 | 0.00007 | 0.00005 |

This start and rate were chosen among seven settings by these held-out errors. In all of
them wide nets beat narrow ones, but not every doubling helped: from 32 units on the
optimizer limits the error, and a single member need not fall from width to width.
Cost: 16 s of training for all. Command:
python experiments/feedforward/function_approximation.py --members 5
"""

from typing import TYPE_CHECKING

from dljax.cli import command

import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data
from dljax.experiment import Experiment, Outcome
from dljax.objectives import regress, score_regression, side_by_side, within
from dljax.training import Player
from dljax.types import Array, Batch, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'steps': 4, 'examples': 16}
WIDTHS = {f'width_{width}': width for width in (2, 4, 8, 16, 32, 64)}


class Widths(nn.Module):
    """One net for each width."""

    width_2: nn.Module
    width_4: nn.Module
    width_8: nn.Module
    width_16: nn.Module
    width_32: nn.Module
    width_64: nn.Module


def curve(x: np.ndarray) -> np.ndarray:
    """Compute the function to learn: two tones under a bump, of variance 0.37."""
    return (np.sin(6 * x) + 0.5 * np.sin(17 * x)) * np.exp(-(x**2))


def experiment(
    *,
    steps: int = 10_000,
    examples: int = 256,
    learning_rate: float = 3e-2,
    offset: float = 2.0,
) -> Experiment:
    """Fit the curve on [-1, 1] from evenly spaced points.

    Args:
        steps: updates in all, each on all points.
        examples: points to learn from; as many between them are held out.
        learning_rate: of Adam at the start; it falls to 0 along a cosine.
        offset: standard deviation of the biases at the start.
    """
    places = np.linspace(-1, 1, 2 * examples, dtype=np.float32)
    train, held_out = (
        {'features': x[:, None], 'target': curve(x)}
        for x in (places[::2], places[1::2])
    )
    nets = {
        name: create_model(
            'mlp',
            hidden=(width,),
            outputs=1,
            activation=nn.tanh,
            bias_init=nn.initializers.normal(offset),
        )
        for name, width in WIDTHS.items()
    }
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    return Experiment(
        net=Widths(**nets),
        players={
            name: Player(
                optax.adam(schedule), loss=within(name, regress()), trains=(name,)
            )
            for name in WIDTHS
        },
        source=data.resident(train),
        steps=steps,
        data_summary=f'a curve on [-1, 1] (synthetic): {examples} points and as many '
        'held out',
        score=side_by_side({name: score_regression() for name in WIDTHS}),
        evaluation={'held_out': held_out},
        inputs={'features': Spec((1,), low=-1, high=1), 'target': Spec(())},
        pictures={'Error and width': draw_errors, 'Fits': draw_fits},
    )


def draw_errors(outcome: Outcome) -> 'Figure':
    """Draw the last held-out error against the width."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.8), layout='constrained')
    axes = figure.add_subplot()
    last = outcome.rows[-1]
    names = [f'held_out/{name}/squared_error' for name in WIDTHS]
    axes.errorbar(
        list(WIDTHS.values()),
        [last[name] for name in names],
        [last.get(f'{name}/std', 0.0) for name in names],
        marker='o',
        capsize=3,
    )
    axes.set_xscale('log', base=2)
    axes.set(xlabel='hidden units', ylabel='mean squared error', yscale='log')
    axes.grid(alpha=0.3)
    return figure


def draw_fits(outcome: Outcome) -> 'Figure':
    """Draw each net's curve over the true one."""
    from matplotlib.figure import Figure

    def outputs(net: nn.Module, batch: Batch) -> dict[str, Array]:
        return {name: getattr(net, name)(batch['features'])[:, 0] for name in WIDTHS}

    batch = outcome.evaluation['held_out']
    x, fits = batch['features'][:, 0], outcome.apply(outputs, batch)
    figure = Figure(figsize=(10, 5), layout='constrained')
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    for axes, (name, width) in zip(panels.flat, WIDTHS.items(), strict=True):
        axes.plot(x, batch['target'], lw=4, alpha=0.3, label='true')
        axes.plot(x, np.asarray(fits[name], np.float32), label='net')
        axes.set_title(f'{width} hidden units')
        axes.grid(alpha=0.3)
    panels[0, 0].legend()
    return figure


if __name__ == '__main__':
    command(experiment)
