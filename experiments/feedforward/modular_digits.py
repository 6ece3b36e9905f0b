"""A modular network on digits: experts that see parts of the image (U1.12).

Paper: Jacobs, Jordan, Nowlan, Hinton (1991), Adaptive mixtures of local experts,
https://doi.org/10.1162/neco.1991.3.1.79; votes: Kittler et al. (1998), On combining
classifiers, https://doi.org/10.1109/34.667881.

Measured with 5 members, seed 0, on a 2-core CPU, as the accuracy on 360 test images:

| combination | two halves | four quarters |
|---|---|---|
| gate | 92.3 ± 1.0 % | 88.5 ± 1.6 % |
| vote | 92.8 ± 1.0 % | 89.6 ± 0.5 % |
| concatenation | 96.7 ± 0.5 % | 97.2 ± 0.2 % |

A quarter seldom tells a digit by itself, and gate and vote can only choose between or
average what the experts say; a linear layer on all outputs also learns what they mean
together. Cost: 6 to 12 s of training for all members. Command:
python experiments/feedforward/modular_digits.py --members 5 --combine vote
"""

from typing import Literal

from dljax.cli import command

import numpy as np
import optax

from dljax import create_model, data, pictures, zoo
from dljax.experiment import Experiment
from dljax.layers import Concatenation, Gate, Vote
from dljax.models.feedforward import MLP
from dljax.objectives import classify, predict, score_classes
from dljax.training import Player, clipped

TINY = {'steps': 4, 'batch_size': 8}


def experiment(
    *,
    parts: Literal['halves', 'quarters'] = 'halves',
    combine: Literal['gate', 'vote', 'concatenation'] = 'concatenation',
    hidden: int = 64,
    steps: int = 2000,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    weight_decay: float = 1e-2,
) -> Experiment:
    """Train an MLP for each part of the image, and what combines their outputs.

    Args:
        parts: upper and lower half, or four quarters.
        combine: a gate that has seen everything, an equal vote, or a linear layer on
            all outputs.
        hidden: units in the hidden layer of each expert.
        steps: updates in all.
        batch_size: examples in one update.
        learning_rate: of AdamW at the start; it falls to 0 along a cosine.
        weight_decay: of AdamW.
    """
    digits = data.load('digits')

    def pixels(split: str) -> dict[str, np.ndarray]:
        images = data.as_float(digits[split]['image'])
        rows = images.reshape(len(images), -1)
        return {**digits[split], 'image': images, 'features': rows}

    columns = 1 if parts == 'halves' else 2
    places = np.arange(64).reshape(2, 4, columns, 8 // columns)
    partition = tuple(
        tuple(places[row, :, column].ravel().tolist())
        for row in range(2)
        for column in range(columns)
    )
    combinations = {
        'gate': Gate(),
        'vote': Vote(),
        'concatenation': Concatenation(10),
    }
    settings = {
        'experts': tuple(MLP((hidden,), 10) for _ in partition),
        'partition': partition,
        'combine': combinations[combine],
    }
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    optimizer = optax.adamw(schedule, weight_decay=weight_decay)
    say = predict('features')
    return Experiment(
        net=create_model('modular_network', **settings),
        players={
            'classifier': Player(clipped(optimizer, 1.0), loss=classify('features'))
        },
        source=data.resident(pixels('train'), batch_size),
        steps=steps,
        class_names=digits.class_names,
        data_summary=digits.summary,
        score=score_classes('features'),
        evaluation={split: pixels(split) for split in ('validation', 'test')},
        inputs=zoo.inputs('modular_network', **settings),
        best='validation/accuracy',
        pictures={
            'Confusion matrix': pictures.confusion(say, digits.class_names),
            'Worst mistakes': pictures.mistakes(say, digits.class_names),
        },
    )


if __name__ == '__main__':
    command(experiment)
