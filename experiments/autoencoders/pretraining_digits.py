"""An encoder learns without labels, then a few labels: real handwritten digits (U5.4).

Paper: Masci et al. (2011), Stacked Convolutional Auto-Encoders for Hierarchical Feature
Extraction, https://doi.org/10.1007/978-3-642-21735-7_7; the damage of the input is from
Vincent et al. (2008), Extracting and Composing Robust Features with Denoising
Autoencoders, https://doi.org/10.1145/1390156.1390294.

A convolutional autoencoder rebuilds all training digits, of which a part of the pixels
is hidden, without their labels. Its encoder then gets an output for the ten classes and
learns a few labels, as a whole or only its output; beside it an equal net learns the
same labels from scratch. Each member has labels of its own.

Measured with 5 members, seed 0, on a 2-core CPU, with 50 labels, as the accuracy on the
360 test digits, mean and standard deviation: 84.4 ± 4.1 % pretrained and then tuned,
81.8 ± 4.2 % from scratch, 78.6 ± 2.5 % where the output alone is tuned. Member by
member pretraining gains 2.6 ± 3.0, which is little beside what the choice of the labels
does; all know their labels by heart.
Cost: 1,650 s for 5 members on a very crowded machine. Command:
python experiments/autoencoders/pretraining_digits.py --members 5
"""

from typing import TYPE_CHECKING

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model
from dljax import data as sources
from dljax.experiment import Experiment, Outcome, Picture
from dljax.metrics import accuracy
from dljax.models.container import container
from dljax.models.encoder_classifier import EncoderClassifier
from dljax.objectives import (
    autoencode,
    classify,
    from_part,
    score_classes,
    score_reconstruction,
    side_by_side,
    within,
)
from dljax.pictures.codes import reconstructions
from dljax.pictures.progress import plain
from dljax.training import Player
from dljax.types import Array, Batch, Metrics, PyTree, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {
    'pretraining': 2,
    'tuning': 2,
    'features': (2,),
    'code': 3,
    'batch_size': 8,
    'labels': 10,
}
TITLES = {
    'tuned': 'pretrained, then tuned',
    'frozen': 'pretrained, the output alone tuned',
    'scratch': 'from scratch',
}


def experiment(
    *,
    labels: int = 50,
    features: tuple[int, ...] = (32, 64),
    code: int = 64,
    hidden: float = 0.3,
    pretraining: int = 3000,
    tuning: int = 400,
    batch_size: int = 100,
    learning_rate: float = 2e-3,
    tuning_rate: float = 1e-3,
    weight_decay: float = 1e-2,
) -> Experiment:
    """Pretrain an encoder, tune copies of it, and train an equal one from scratch.

    Args:
        labels: that are learned, equally many of each class and other ones for each
            member.
        features: of the encoder's convolutions.
        code: the width of the code.
        hidden: fraction of the pixels that the autoencoder does not see.
        pretraining: updates that rebuild digits.
        tuning: updates on the labels.
        batch_size: digits in one update, or all that have labels.
        learning_rate: of the autoencoder's Adam; all rates fall to 0 along a cosine.
        tuning_rate: of AdamW on the labels.
        weight_decay: of AdamW.
    """
    digits = sources.load('digits')
    train, validation, test = (
        digits.images(split) for split in ('train', 'validation', 'test')
    )
    autoencoder = create_model(
        'convolutional_autoencoder', code=code, features=features, shape=(8, 8, 1)
    )
    classifier = EncoderClassifier(autoencoder.encoder, classes=10)
    adamw = optax.adamw(
        optax.cosine_decay_schedule(tuning_rate, tuning), weight_decay=weight_decay
    )
    learners = {
        name: Player(
            adamw,
            loss=within(name, from_part('labelled', classify())),
            trains=(f'{name}/output',) if name == 'frozen' else (name,),
            during=(pretraining + 1, None),
        )
        for name in TITLES
    }
    few = sources.labelled(train, labels, min(batch_size, labels))
    return Experiment(
        net=container(autoencoder=autoencoder, **dict.fromkeys(TITLES, classifier)),
        players={
            'autoencoder': Player(
                optax.adam(optax.cosine_decay_schedule(learning_rate, pretraining)),
                loss=within(
                    'autoencoder',
                    from_part(
                        'unlabelled', autoencode(corrupt=sources.masking(hidden))
                    ),
                ),
                trains=('autoencoder',),
                during=(0, pretraining),
            ),
            'adopt': Player(
                optax.sgd(1.0),
                direction=adopt,
                trains=('tuned/encoder', 'frozen/encoder'),
                during=(pretraining, pretraining + 1),
            ),
            **learners,
        },
        source=sources.together(
            {
                'unlabelled': sources.resident({'image': train['image']}, batch_size),
                'labelled': few,
            }
        ),
        steps=pretraining + 1 + tuning,
        class_names=digits.class_names,
        data_summary=f'{digits.summary}; {labels} labels are learned',
        score=side_by_side(
            {
                'autoencoder': score_reconstruction(),
                **dict.fromkeys(TITLES, score_classes()),
            }
        ),
        evaluation={'validation': validation, 'test': test},
        evaluate_every=max(tuning // 10, 1),
        inputs={'image': Spec((8, 8, 1), 'float32', 0, 1)},
        measures={'gain': gain},
        pictures={
            'Before and after': draw_accuracy(pretraining),
            'Rebuilt': reconstructions({'rebuilt': rebuilt}),
        },
    )


def adopt(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
    """Give two nets the encoder that was learned; with `optax.sgd(1.0)` at once."""
    params = net.variables['params']
    learned = params['autoencoder']['encoder']
    return {
        f'{name}/encoder': jax.tree.map(jnp.subtract, params[name]['encoder'], learned)
        for name in ('tuned', 'frozen')
    }, {}


def gain(outcome: Outcome) -> dict[str, np.ndarray]:
    """Compare the test accuracy with that from scratch, member by member."""

    def score(net: nn.Module, batch: Batch) -> dict[str, Array]:
        return {
            name: accuracy(getattr(net, name)(batch['image']), batch['label']).mean()
            for name in TITLES
        }

    found = outcome.each(score, dict(outcome.evaluation['test']))
    scratch = np.asarray(found['scratch'])
    return {name: np.asarray(found[name]) - scratch for name in ('tuned', 'frozen')}


def rebuilt(net: nn.Module, batch: Batch) -> Array:
    """Rebuild whole digits by the autoencoder."""
    return net.autoencoder.reconstruct(batch['image'])


def draw_accuracy(pretraining: int) -> Picture:
    """Draw how well the labels are learned.

    Args:
        pretraining: updates without labels.
    """

    def draw(outcome: Outcome) -> 'Figure':
        figure = plain(6.5, 4.2)
        axes = figure.add_subplot()
        for name, what in TITLES.items():
            key = f'validation/{name}/accuracy'
            rows = [row for row in outcome.rows if key in row]
            rows = [row for row in rows if row['step'] >= pretraining]
            steps = np.array([row['step'] for row in rows])
            value = 100 * np.array([row[key] for row in rows])
            spread = 100 * np.array([row.get(f'{key}/std', 0.0) for row in rows])
            axes.plot(steps, value, marker='.', label=what)
            axes.fill_between(steps, value - spread, value + spread, alpha=0.2)
        axes.set(xlabel='updates', ylabel='accuracy on the validation digits in %')
        axes.grid(alpha=0.3)
        axes.legend()
        return figure

    return draw


if __name__ == '__main__':
    command(experiment)
