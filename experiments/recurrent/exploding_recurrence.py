"""Gradients that explode through time, and five ways to tame them (U3.6).

Paper: Pascanu, Mikolov, Bengio (2013), On the difficulty of training recurrent neural
networks, https://arxiv.org/abs/1211.5063; the net is that of Le, Jaitly, Hinton (2015),
https://arxiv.org/abs/1504.00941.

Six equal recurrent nets of rectified units, which start with the identity as their
recurrent weights, meet the same sequences of 50 numbers and learn their sum, left
unscaled, by SGD with momentum. `plain` leaves the finite numbers.

Measured with 5 members, seed 0, on a 2-core CPU, as the squared error on 1,000 test
sequences after 2,000 updates (that of the mean is 4.2):

| form | test error |
|---|---|
| plain | not a number, in all members |
| norm, clipped to 1 | 0.030 ± 0.035 |
| value, within ±0.03 | 0.21 ± 0.30 |
| adaptive, 3 % of a unit's weights | 0.039 ± 0.065 |
| fixed, scaled to 1 | 0.008 ± 0.004 |
| groups, output within ±0.1 and recurrent within ±0.03 | 0.014 ± 0.018 |

As in experiments/feedforward/exploding_regression.py the ranges were chosen with these
errors in sight: the table ranks no form above another. With ranges three to ten times
as wide one member in five of `groups` left the finite numbers too.
Cost: 174 s of training for all, on a busy machine.

Command:
python experiments/recurrent/exploding_recurrence.py --members 5
"""

from dljax.cli import command

import jax
import numpy as np
import optax

from dljax import create_model, data, pictures
from dljax.experiment import Experiment
from dljax.layers import Elman, RecurrentStack, identity
from dljax.models.container import container
from dljax.objectives import regress, score_regression, side_by_side, within
from dljax.training import Player, forms_of_clipping
from dljax.types import Key, Spec

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
    """
    forms = forms_of_clipping(
        norm=norm,
        value=value,
        ratio=ratio,
        ranges={'*/output/*': output_range, '*': recurrent_range},
    )
    cell = Elman(units, activation=jax.nn.relu, recurrent_init=identity)
    schedule = optax.cosine_decay_schedule(learning_rate, steps)

    def draw(key: Key, examples: int) -> dict[str, jax.Array]:
        return data.sum_problem(key, examples, length)

    test = {k: np.asarray(v) for k, v in draw(jax.random.key(1), 1000).items()}
    return Experiment(
        net=container(
            **{
                name: create_model(
                    'sequence_classifier', outputs=1, stack=RecurrentStack(cell)
                )
                for name in forms
            }
        ),
        # 'plain' plays last: the others' turns are then judged before it has failed.
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
            )
        },
        may_diverge=('plain',),
    )


if __name__ == '__main__':
    command(experiment)
