"""The residual network of 20 layers for small images, on handwritten digits (U2.4).

Paper: He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition, section
4.2, https://arxiv.org/abs/1512.03385 (8.75 % test error on CIFAR-10, which is another
task; `classifier_cifar10.py` has its recipe). The data are scikit-learn's 8x8 digits,
resized to 16x16. Optimizer, weight decay, batch norm and the two falls of the rate are
the paper's; digits are turned and moved a little instead of flipped.

Measured with three members, seed 0, on a 2-core CPU: 99.7 ± 0.3 % of 360 test digits
after 1,200 updates.

Cost: about 270 s of training for all three on one core. Command:
python experiments/convolutional/resnet20_digits.py --members 3
"""

from dljax.cli import command

import optax

from dljax import create_model, data, pictures, zoo
from dljax.experiment import Experiment
from dljax.objectives import classify, predict, score_classes
from dljax.training import Player
from dljax.types import Spec

TINY = {'depth': 8, 'size': 8, 'steps': 2, 'batch_size': 8}


def experiment(
    *,
    depth: int = 20,
    size: int = 16,
    steps: int = 1200,
    batch_size: int = 64,
    learning_rate: float = 0.1,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    rotation: float = 12.0,
    scale: float = 0.15,
    translation: float = 0.08,
) -> Experiment:
    """Train a residual network with small random distortions.

    Args:
        depth: layers with weights, 6n + 2.
        size: height and width that the digits are resized to, in pixels.
        steps: updates in all; the rate falls after a half and three quarters of them.
        batch_size: examples in one update.
        learning_rate: of the first half; then a tenth, then a hundredth of it.
        momentum: of stochastic gradient descent.
        weight_decay: times each parameter is added to its gradient.
        rotation: largest random rotation, in degrees.
        scale: largest random change of size, as a fraction.
        translation: largest random shift, as a fraction of the image.
    """
    digits = data.load('digits')
    sets = {
        split: digits.images(split, (size, size))
        for split in ('train', 'validation', 'test')
    }
    schedule = optax.piecewise_constant_schedule(
        learning_rate, {steps // 2: 0.1, steps * 3 // 4: 0.1}
    )
    augment = data.augment.affine(rotation, (1 - scale, 1 + scale), translation)
    return Experiment(
        net=create_model('resnet_cifar', depth=depth),
        players={
            'classifier': Player(
                optax.chain(
                    optax.add_decayed_weights(weight_decay),
                    optax.sgd(schedule, momentum),
                ),
                loss=classify(augment=augment),
            )
        },
        source=data.resident(sets.pop('train'), batch_size),
        steps=steps,
        class_names=digits.class_names,
        data_summary=digits.summary,
        score=score_classes(),
        evaluation=sets,
        inputs={
            'image': Spec((size, size, 1), 'float32', 0, 1),
            'label': zoo.inputs('resnet_cifar')['label'],
        },
        best='validation/accuracy',
        pictures={
            'Confusion matrix': pictures.confusion(predict(), digits.class_names),
            'Worst mistakes': pictures.mistakes(predict(), digits.class_names),
            'First-layer filters': pictures.filters('stem', 'conv'),
        },
    )


if __name__ == '__main__':
    command(experiment)
