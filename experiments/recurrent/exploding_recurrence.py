"""Gradients that explode through time, and seven ways to tame them (U3.6).

Paper: Pascanu, Mikolov, Bengio (2013), On the difficulty of training recurrent neural
networks, https://arxiv.org/abs/1211.5063; the net is that of Le, Jaitly, Hinton (2015),
https://arxiv.org/abs/1504.00941; clipped inside as in Graves (2013), Generating
sequences with recurrent neural networks, https://arxiv.org/abs/1308.0850.

Eight equal recurrent nets of rectified units, which start with the identity as their
recurrent weights, meet the same sequences of 50 numbers and learn their sum, left
unscaled, by SGD with momentum. Five clip the gradient of the parameters. `inside` clips
the derivative with respect to a unit's sum, at every step of backpropagation through
time; `both` does so too and clips the norm of what comes out. `plain` does neither.

Measured with 5 members, seed 0, on a 2-core CPU, as the squared error on 1,000 test
sequences after 2,000 updates (that of the mean is 4.2), mean and standard deviation:

| form | test error |
|---|---|
| plain | not a number, in all members |
| norm, clipped to 1 | 0.053 ± 0.068 |
| value, within ±0.03 | 0.52 ± 0.71 |
| adaptive, 3 % of a unit's weights | 0.044 ± 0.092 |
| fixed, scaled to 1 | 0.030 ± 0.021 |
| groups, output within ±0.1 and recurrent within ±0.03 | 0.14 ± 0.29 |
| inside, derivatives within ±0.1 | not a number, in all members |
| both, norm 1 and derivatives within ±0.1 | 0.023 ± 0.009 |

Clipping inside holds the derivative where it is, at every step back (the last picture),
but it is not enough here: the states of rectified units have no bound, and the gradient
of a weight is a product of both. Graves's LSTM has states within ±1. Beside the norm it
changes nothing that these members tell apart at the end; in the first 500 updates they
went astray further, to errors above 10^6. With ranges of 0.01 and 0.001 one member of
`both` had a training error of 15 and 5 after 500 updates, with 0.1 and by the norm
alone of 0.02.

As in experiments/feedforward/exploding_regression.py the ranges were chosen with these
errors in sight: the table ranks no form above another. With ranges three to ten times
as wide one member in five of `groups` left the finite numbers too.
Cost: 159 s of training for all, on a busy machine.

Command:
python experiments/recurrent/exploding_recurrence.py --members 5
"""

from typing import TYPE_CHECKING

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dljax import create_model, data, pictures, rules
from dljax.experiment import Experiment, Outcome, Picture
from dljax.layers import Elman, RecurrentStack, identity
from dljax.models.container import container
from dljax.objectives import regress, score_regression, side_by_side, within
from dljax.pictures.progress import plain
from dljax.training import Player, forms_of_clipping
from dljax.types import Array, Key, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {
    'squared_error': 'squared error on the training batches',
    'gradient_norm': 'global norm of the gradient, before clipping',
}
TINY = {'steps': 20, 'batch_size': 8, 'units': 4, 'length': 40}


def experiment(
    *,
    steps: int = 2000,
    batch_size: int = 32,
    length: int = 50,
    units: int = 32,
    learning_rate: float = 0.01,
    momentum: float = 0.9,
    norm: float = 1.0,
    value: float = 0.03,
    ratio: float = 0.03,
    output_range: float = 0.1,
    recurrent_range: float = 0.03,
    derivative_range: float = 0.1,
) -> Experiment:
    """Train the same recurrent net with and without clipping, side by side.

    Args:
        steps: updates in all.
        batch_size: sequences in one update.
        length: of the sequences.
        units: in the recurrent layer.
        learning_rate: of SGD at the start; it falls to 0 along a cosine.
        momentum: of SGD.
        norm: threshold of the global norm, and the length that `fixed` scales to.
        value: largest absolute value of an element.
        ratio: largest gradient of a unit, as a fraction of the norm of its weights.
        output_range: largest absolute value in the output layer, for `groups`.
        recurrent_range: the same in the recurrent layer.
        derivative_range: to which `inside` and `both` clip the derivative of the loss,
            the mean over a batch, with respect to a unit's sum, at every step back.
    """
    forms = forms_of_clipping(
        norm=norm,
        value=value,
        ratio=ratio,
        ranges={'*/output/*': output_range, '*': recurrent_range},
    )
    free = forms.pop('plain')
    # 'plain' plays last: the others' turns are then judged before it has failed.
    forms |= {'both': forms['norm'], 'inside': free, 'plain': free}
    cell = Elman(units, activation=jax.nn.relu, recurrent_init=identity)
    cells = dict.fromkeys(forms, cell)
    inside = cell.clone(derivative_range=derivative_range)
    cells |= {'both': inside, 'inside': inside}
    schedule = optax.cosine_decay_schedule(learning_rate, steps)

    def draw(key: Key, examples: int) -> dict[str, jax.Array]:
        return data.sum_problem(key, examples, length)

    test = {k: np.asarray(v) for k, v in draw(jax.random.key(1), 1000).items()}
    return Experiment(
        net=container(
            **{
                name: create_model(
                    'sequence_classifier', outputs=1, stack=RecurrentStack(cells[name])
                )
                for name in forms
            }
        ),
        players={
            name: Player(
                optax.chain(rule, optax.sgd(schedule, momentum)),
                loss=within(name, regress('sequence')),
                trains=(name,),
            )
            for name, rule in forms.items()
        },
        source=data.procedural(draw, batch_size),
        steps=steps,
        data_summary=f'sums of {length} numbers (synthetic): drawn without end, 1,000 '
        'test',
        score=side_by_side({name: score_regression('sequence') for name in forms}),
        evaluation={'test': test},
        inputs={'sequence': Spec((length, 1)), 'target': Spec(())},
        record_every=max(steps // 200, 1),
        pictures={
            'Forms': pictures.against_updates(
                tuple(forms), TITLES, {'error of the mean': length / 12}
            ),
            'Inside and outside': pictures.against_updates(
                ('plain', 'norm', 'inside', 'both'), TITLES
            ),
            'Through time': through_time(cell, derivative_range, batch_size),
        },
        may_diverge=('inside', 'plain'),
    )


def through_time(cell: Elman, derivative_range: float, batch_size: int) -> Picture:
    """Draw how the derivative grows on its way back, where it is clipped and where not.

    Args:
        cell: the recurrent layer.
        derivative_range: to which the second one clips.
        batch_size: sequences of the mean that the loss is.

    Returns:
        The picture: of a fresh net whose recurrent weights are a tenth too large.
    """

    def draw(outcome: Outcome) -> 'Figure':
        test = outcome.evaluation['test']
        x = jnp.swapaxes(jnp.asarray(test['sequence'][:batch_size]), 0, 1)
        params = dict(jax.jit(cell.init)(jax.random.key(0), x[:1])['params'])
        params['recurrent_kernel'] = 1.1 * params['recurrent_kernel']

        def norms(layer: Elman) -> Array:
            def step(state: Array, x: Array) -> Array:
                return layer.apply({'params': params}, x[:, None], state)[1]

            def cost(state: Array) -> Array:
                error = state.mean(1) - test['target'][:batch_size]
                return 0.5 * jnp.square(error) / batch_size

            first = jnp.zeros((batch_size, layer.features))
            return rules.state_gradient_norms(step, first, x, cost)

        figure = plain(6, 4)
        axes = figure.subplots()
        label = f'clipped to ±{derivative_range:g} by element'
        for name, limit in (('not clipped', None), (label, derivative_range)):
            layer = cell.clone(derivative_range=limit)
            values = np.asarray(jax.jit(norms, static_argnums=0)(layer))
            axes.plot(values[::-1], label=name)
        axes.set(yscale='log', xlabel='steps back, $k$')
        axes.set_ylabel(r'$\|\partial E/\partial s_{T-k}\|$')
        axes.grid(alpha=0.3)
        axes.legend()
        return figure

    return draw


if __name__ == '__main__':
    command(experiment)
