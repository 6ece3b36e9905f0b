"""Exploding gradients in a regression, and five ways to tame them (U3.6).

Paper: Pascanu, Mikolov, Bengio (2013), On the difficulty of training recurrent neural
networks, https://arxiv.org/abs/1211.5063 (clipping by norm); Brock et al. (2021),
High-performance large-scale image recognition without normalization,
https://arxiv.org/abs/2102.06171 (adaptive clipping).

Six equal MLPs meet the same batches of 20 features and a target of standard deviation
268, left unscaled, under SGD with momentum. `plain` leaves the finite numbers.

Measured with 5 members, seed 0, on a 2-core CPU, as the squared error on 200 test
examples after 3,000 updates (that of the mean is 78,000):

| form | test error |
|---|---|
| plain | infinite within 10 updates, then not a number, in all members |
| norm, clipped to 1 | 7.4 ± 3.8 |
| value, within ±1 | 25 ± 7 |
| adaptive, 3 % of a unit's weights | 1.9 ± 0.6 |
| fixed, scaled to 1 | 6.4 ± 1.4 |
| groups, output within ±1 and hidden within ±0.1 | 12 ± 4 |

The thresholds of value, adaptive and groups were chosen among three or four each with
these errors in sight, so the table ranks no form above another: it shows that each of
them trains where plain overflows. Ranges of ±100 and ±10 keep the numbers finite, but
at this rate each move is then so large that the error stays at 12,900 ± 17,700: a range
has to suit the learning rate.
Cost: 7 s of training for all. Command:
python experiments/feedforward/exploding_regression.py --members 5
"""

from dljax.cli import command

import optax

from dljax import create_model, data, pictures
from dljax.experiment import Experiment
from dljax.models.container import container
from dljax.objectives import regress, score_regression, side_by_side, within
from dljax.training import Player, forms_of_clipping
from dljax.types import Spec

TITLES = {
    'squared_error': 'squared error on the training batches',
    'gradient_norm': 'global norm of the gradient, before clipping',
}
TINY = {'steps': 20, 'batch_size': 8, 'hidden': 4}


def experiment(
    *,
    steps: int = 3000,
    batch_size: int = 32,
    hidden: int = 25,
    learning_rate: float = 0.01,
    momentum: float = 0.9,
    norm: float = 1.0,
    value: float = 1.0,
    ratio: float = 0.03,
    output_range: float = 1.0,
    hidden_range: float = 0.1,
) -> Experiment:
    """Train the same net with and without clipping, side by side.

    Args:
        steps: updates in all.
        batch_size: examples in one update.
        hidden: units in the hidden layer.
        learning_rate: of SGD.
        momentum: of SGD.
        norm: threshold of the global norm, and the length that `fixed` scales to.
        value: largest absolute value of an element.
        ratio: largest gradient of a unit, as a fraction of the norm of its weights.
        output_range: largest absolute value in the output layer, for `groups`.
        hidden_range: the same in the hidden layer.
    """
    forms = forms_of_clipping(
        norm=norm,
        value=value,
        ratio=ratio,
        ranges={'*/output/*': output_range, '*': hidden_range},
    )
    examples = data.regression(0, examples=1000)
    train = {name: values[:800] for name, values in examples.items()}
    test = {name: values[800:] for name, values in examples.items()}
    return Experiment(
        net=container(
            **{name: create_model('mlp', hidden=(hidden,), outputs=1) for name in forms}
        ),
        # 'plain' plays last: the others' turns are then judged before it has failed.
        players={
            name: Player(
                optax.chain(rule, optax.sgd(learning_rate, momentum)),
                loss=within(name, regress()),
                trains=(name,),
            )
            for name, rule in forms.items()
        },
        source=data.resident(train, batch_size),
        steps=steps,
        data_summary='linear regression (synthetic): 20 features, 800 train, 200 test',
        score=side_by_side({name: score_regression() for name in forms}),
        evaluation={'test': test},
        inputs={'features': Spec((20,)), 'target': Spec(())},
        record_every=10,
        pictures={'Forms': pictures.against_updates(tuple(forms), TITLES)},
        may_diverge=('plain',),
    )


if __name__ == '__main__':
    command(experiment)
