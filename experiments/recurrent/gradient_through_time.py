"""How much of an error reaches far steps: vanishing and exploding gradients (U3.5).

Paper: Bengio, Simard, Frasconi (1994), Learning long-term dependencies with gradient
descent is difficult, https://doi.org/10.1109/72.279181; Pascanu, Mikolov, Bengio
(2013), https://arxiv.org/abs/1211.5063; the IRNN is that of Le, Jaitly, Hinton (2015),
https://arxiv.org/abs/1504.00941.

Five nets learn the adding problem. Drawn is the norm of the derivative of the last
step's error with respect to the state so many steps before, at the start and after the
training, as a fraction of that at the last step.

Measured with one member, seed 0, on a 2-core CPU, over 100 steps and 1,500 updates, as
what is left at the first step and the squared error on 1,000 test sequences (always to
predict 1: 0.167):

| net | at the start | after the training | test error |
|---|---|---|---|
| tanh, radius about 0.5 | 10^-45, the smallest float | 10^-44 | 0.165 |
| tanh, radius about 2 | 10^4.1 | 10^-11 | 0.166 |
| IRNN | 10^-0.2 | 10^-0.5 | 0.163 |
| LSTM | 10^-4.9 | 10^-0.1 | 0.0095 |
| GRU | 10^-11 | 10^-0.3 | 0.0020 |

The gradient of the large weights explodes and then dies as the units saturate; that of
the IRNN reaches far from the start, though at this rate and in so few updates it
learns nothing of it. LSTM and GRU learn to keep it.
Cost: 27 s of training.

Command:
python experiments/recurrent/gradient_through_time.py
"""

from typing import TYPE_CHECKING

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data, rules
from dljax.experiment import Experiment, Outcome
from dljax.layers import GRU, LSTM, Elman, RecurrentStack, identity
from dljax.models.container import container
from dljax.objectives import regress, score_regression, side_by_side, within
from dljax.training import Player, clipped
from dljax.types import Array, Batch, Key, PyTree, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FLOOR = 1e-12  # below it nothing is drawn
TINY = {'steps': 3, 'batch_size': 4, 'units': 4, 'length': 12}


def experiment(
    *,
    steps: int = 1500,
    batch_size: int = 32,
    length: int = 100,
    units: int = 64,
    learning_rate: float = 1e-3,
    small: float = 0.5,
    large: float = 2.0,
) -> Experiment:
    """Train five recurrent nets on the adding problem, and measure through time.

    Args:
        steps: updates in all.
        batch_size: sequences in one update.
        length: of the sequences.
        units: in the recurrent layer.
        learning_rate: of Adam at the start; it falls to 0 along a cosine.
        small: about the spectral radius of the first net's recurrent weights.
        large: the same of the second net.
    """

    def tanh(radius: float) -> Elman:
        return Elman(
            units,
            recurrent_init=nn.initializers.variance_scaling(
                radius**2, 'fan_in', 'normal'
            ),
        )

    cells = {
        'small': tanh(small),
        'large': tanh(large),
        'irnn': Elman(
            units,
            activation=jax.nn.relu,
            kernel_init=nn.initializers.normal(1e-3),
            recurrent_init=identity,
        ),
        'lstm': LSTM(units),
        'gru': GRU(units),
    }
    schedule = optax.cosine_decay_schedule(learning_rate, steps)

    def draw(key: Key, examples: int) -> Batch:
        return data.adding_problem(key, examples, length)

    test = {k: np.asarray(v) for k, v in draw(jax.random.key(1), 1000).items()}
    return Experiment(
        net=container(
            **{
                name: create_model(
                    'sequence_classifier', outputs=1, stack=RecurrentStack(cell)
                )
                for name, cell in cells.items()
            }
        ),
        players={
            name: Player(
                clipped(optax.adam(schedule), 1.0),
                loss=within(name, regress('sequence')),
                trains=(name,),
            )
            for name in cells
        },
        source=data.procedural(draw, batch_size),
        steps=steps,
        data_summary=f'the adding problem over {length} steps (synthetic), 1,000 test',
        score=side_by_side({name: score_regression('sequence') for name in cells}),
        evaluation={'test': test},
        inputs={'sequence': Spec((length, 2)), 'target': Spec(())},
        pictures={'Gradient through time': draw_norms},
        measures={'first_step': first_step},
    )


def norms(net: nn.Module, params: PyTree, batch: Batch) -> Array:
    """Norms of the last error's derivative towards each state, for one trained net.

    Args:
        net: a `SequenceClassifier` of one layer.
        params: its parameters.
        batch: 'sequence' [batch, time, 2] and 'target' [batch].

    Returns:
        [time] float32, of which the last is that of the last state.
    """
    layer = {'params': params['recurrent']['forward_0']}

    def step(carry: PyTree, x: Array) -> PyTree:
        return net.stack.cell.apply(layer, x[:, None], carry)[1]

    def cost(carry: PyTree) -> Array:
        state = jax.tree.leaves(carry)[0]
        output = state @ params['output']['kernel'] + params['output']['bias'][None, :]
        return 0.5 * jnp.square(output[:, 0] - batch['target'])

    x = jnp.swapaxes(jnp.asarray(batch['sequence']), 0, 1)
    carry = jax.eval_shape(lambda: net.stack.cell.apply(layer, x[0][:, None])[1])
    first = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), carry)
    return rules.state_gradient_norms(step, first, x, cost)


def both_times(outcome: Outcome) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The norms of each net at a fresh start and after the training."""
    batch = {k: v[:200] for k, v in outcome.evaluation['test'].items()}
    measure = jax.jit(norms, static_argnums=0)
    found = {}
    for name in outcome.state.params:
        net = getattr(outcome.net, name)
        fresh = jax.jit(net.init)(jax.random.key(0), batch['sequence'])['params']
        found[name] = tuple(
            np.asarray(measure(net, params, batch))
            for params in (fresh, outcome.state.params[name])
        )
    return found


def first_step(outcome: Outcome) -> dict[str, float]:
    """What of the last step's norm is left at the first, as a power of ten."""
    return {
        f'{name}/log10_{when}': float(np.log10(n[0] + 1e-45) - np.log10(n[-1] + 1e-45))
        for name, pair in both_times(outcome).items()
        for when, n in zip(('start', 'end'), pair, strict=True)
    }


def draw_norms(outcome: Outcome) -> 'Figure':
    """Draw the norms against the steps back, at the start and after the training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), layout='constrained')
    panels = figure.subplots(1, 2, sharey=True)
    labels = {'small': 'tanh, small weights', 'large': 'tanh, large weights'}
    for name, pair in both_times(outcome).items():
        for axes, values in zip(panels, pair, strict=True):
            fraction = values[::-1] / values[-1]
            fraction = np.where(fraction > FLOOR, fraction, np.nan)
            axes.plot(fraction, label=labels.get(name, name.upper()))
    for axes, when in zip(panels, ('at the start', 'after the training'), strict=True):
        axes.set(yscale='log', xlabel='steps back, $k$', title=when)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel(
        r'$\|\partial E_T/\partial s_{T-k}\|$ as a fraction of that at $k = 0$'
    )
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc='outside lower center', ncols=len(names))
    return figure


if __name__ == '__main__':
    command(experiment)
