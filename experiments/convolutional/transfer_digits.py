"""From five digits to the other five: what is learned from few labels (U1.17).

Papers: Yosinski et al. (2014), How transferable are features in deep neural networks?,
https://arxiv.org/abs/1411.1792; discriminative rates: Howard, Ruder (2018), Universal
language model fine-tuning for text classification, https://arxiv.org/abs/1801.06146.

A net of two convolutions and a dense layer learns the digits 0 to 4 (98.2 ± 0.3 % of
their test images). Others take over its convolutions, or nothing, and learn 5 to 9 from
few labels. Measured with 5 members, seed 0, on a 2-core CPU, as the accuracy in % on
the 180 test images of the new classes, mean and standard deviation:

| labels of a class | 1 | 2 | 5 | 10 | 20 | 50 |
|---|---|---|---|---|---|---|
| convolutions frozen | 68 ± 8 | 74 ± 4 | 85 ± 6 | 90 ± 2 | 94 ± 3 | 95.7 ± 1.2 |
| convolutions tuned | 69 ± 9 | 76 ± 2 | 88 ± 7 | 94 ± 1 | 96 ± 2 | 97.7 ± 1.2 |
| convolutions tuned slowly | 68 ± 8 | 75 ± 3 | 88 ± 5 | 91 ± 3 | 95 ± 2 | 96.6 ± 1.3 |
| from scratch | 68 ± 9 | 78 ± 2 | 90 ± 4 | 93 ± 3 | 96 ± 2 | 96.9 ± 0.8 |

Transfer does not help here: no way is above the net from scratch by more than its
standard deviation, with any number of labels. 630 images of five digits seem to teach
the convolutions little that a few labels of the others do not. What is more special
transfers worse: with the dense layer carried over and frozen as well, one member came
to only 72.8, 71.7 and 71.1 % with 2, 10 and 50 labels.
Cost: 217 s of training for five members. Command:
python experiments/convolutional/transfer_digits.py --members 5
"""

from collections.abc import Sequence

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data
from dljax.experiment import Experiment, Outcome, once
from dljax.metrics import accuracy
from dljax.models.container import container
from dljax.objectives import classify, score_classes, side_by_side, within
from dljax.pictures.learning import learning_curve
from dljax.training import Player, by_path, layer_rates
from dljax.types import Array, Batch, Metrics, Objective, PyTree, Spec

TINY = {'labels': (1,), 'before': 1, 'after': 1, 'features': (2, 3), 'hidden': 4}
TITLES = {
    'frozen': 'convolutions frozen',
    'tuned': 'convolutions tuned',
    'graded': 'convolutions tuned slowly',
    'scratch': 'from scratch',
}
PRETRAINED = ('frozen', 'tuned', 'graded')
# From the input to the output, by the paths of the parameters.
LAYERS = ('*/conv_0/*', '*/conv_1/*', '*/hidden/*', '*/output/*')


def experiment(
    *,
    labels: tuple[int, ...] = (1, 2, 5, 10, 20, 50),
    known: tuple[int, ...] = (0, 1, 2, 3, 4),
    carried: tuple[str, ...] = ('conv_0', 'conv_1'),
    before: int = 500,
    after: int = 500,
    batch_size: int = 32,
    learning_rate: float = 2e-3,
    decay: float = 2.6,
    features: tuple[int, int] = (16, 32),
    hidden: int = 64,
) -> Experiment:
    """Pretrain one net, and train one for each way and number of labels after it.

    All ways see the same labels, each member of an ensemble its own.

    Args:
        labels: of each new class.
        known: the digits that are learned first; the others come after.
        carried: layers that the nets which do not start from scratch take over; the
            others are new.
        before: updates on the known digits.
        after: updates on the others.
        batch_size: examples in one update, or all where there are fewer.
        learning_rate: of Adam at the start of both; it falls to 0 along a cosine.
        decay: of the rate, from a layer to the one before it, where they are graded.
        features: channels of the two convolutions.
        hidden: units of the dense layer.
    """
    digits = data.load('digits')
    new = tuple(sorted(set(range(10)) - set(known)))
    old = {s: part(digits.images(s), known) for s in ('train', 'test')}
    sets = {s: part(digits.images(s), new) for s in ('train', 'test')}

    def net(classes: int) -> nn.Module:
        settings = {'features': features, 'hidden': hidden, 'dropout': 0.0}
        return create_model(
            'tutorial_cnn', classes=classes, kernel_size=(3, 3), **settings
        )

    names = {number: f'labels_{number}' for number in labels}
    adam = optax.adam(optax.cosine_decay_schedule(learning_rate, after))
    optimizers = {
        'frozen': by_path(
            {f'*/{layer}/*': optax.set_to_zero() for layer in carried} | {'*': adam}
        ),
        'tuned': adam,
        'graded': layer_rates(adam, LAYERS, decay),
        'scratch': adam,
    }
    students = {
        way: Player(
            optimizer,
            loss=within(way, learn_each(tuple(names.values()))),
            trains=(way,),
            during=(before, None),
        )
        for way, optimizer in optimizers.items()
    }
    teacher = Player(
        optax.adam(optax.cosine_decay_schedule(learning_rate, before)),
        loss=within('source', classify()),
        trains=('source',),
        during=(0, before),
    )
    adopter = Player(
        optax.sgd(1.0),
        direction=adopt(PRETRAINED, carried),
        trains=PRETRAINED,
        during=(before, before + 1),
    )
    found = once(lambda outcome: accuracies(outcome, tuple(names.values())))
    few = {
        name: data.labelled(
            sets['train'], number * len(new), min(batch_size, number * len(new))
        )
        for number, name in names.items()
    }
    each = {name: score_classes() for name in names.values()}
    return Experiment(
        net=container(
            source=net(len(known)),
            **{
                way: container(**{name: net(len(new)) for name in names.values()})
                for way in TITLES
            },
        ),
        players={'source': teacher, 'adopt': adopter, **students},
        source=data.together(
            {'source': data.resident(old['train'], batch_size), **few}
        ),
        steps=before + after,
        data_summary=f'{digits.summary}; digits {known} first, then {new}',
        score=side_by_side({way: side_by_side(each) for way in TITLES}),
        evaluation={'test': sets['test']},
        inputs={'image': Spec((8, 8, 1), 'float32', 0, 1)},
        pictures={
            'Accuracy against labels': learning_curve(
                found,
                labels,
                TITLES,
                across='labels of each new class',
                above='test accuracy on the new classes in %',
            )
        },
        measures={'source': lambda outcome: {'test': known_accuracy(outcome, old)}},
    )


def part(arrays: Batch, digits: Sequence[int]) -> dict[str, np.ndarray]:
    """Take the images of some digits; their labels count from 0 on."""
    taken = np.isin(arrays['label'], digits)
    label = np.searchsorted(digits, arrays['label'][taken]).astype(np.int32)
    return {'image': np.asarray(arrays['image'])[taken], 'label': label}


def learn_each(names: Sequence[str]) -> Objective:
    """Sum the losses of several nets, which share no parameter: each has its own.

    One player for all of them compiles faster than one for each.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        turns = [within(name, classify())(net, batch, step) for name in names]
        right = [metrics['accuracy'] for _, metrics in turns]
        return sum(loss for loss, _ in turns), {'accuracy': sum(right) / len(right)}

    return objective


def adopt(ways: Sequence[str], layers: Sequence[str]) -> Objective:
    """Give nets some layers of the source; with `optax.sgd(1.)` in one move."""

    def direction(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        params = net.variables['params']

        def gap(student: PyTree) -> PyTree:
            source = {name: params['source'][name] for name in layers}
            return jax.tree.map(jnp.subtract, student, {**student, **source})

        return {
            way: {name: gap(student) for name, student in params[way].items()}
            for way in ways
        }, {}

    return direction


def accuracies(outcome: Outcome, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Compute the test accuracy on the new classes: [members, numbers] by way."""

    def score(net: nn.Module, batch: Batch) -> dict[str, list[Array]]:
        return {
            way: [
                accuracy(
                    getattr(getattr(net, way), name)(batch['image']), batch['label']
                ).mean()
                for name in names
            ]
            for way in TITLES
        }

    made = outcome.each(score, dict(outcome.evaluation['test']))
    return {way: np.stack(values, 1) for way, values in made.items()}


def known_accuracy(outcome: Outcome, old: Batch) -> np.ndarray:
    """Compute the test accuracy of the source on its own classes: [members]."""

    def score(net: nn.Module, batch: Batch) -> Array:
        return accuracy(net.source(batch['image']), batch['label']).mean()

    return np.asarray(outcome.each(score, old['test']))


if __name__ == '__main__':
    command(experiment)
