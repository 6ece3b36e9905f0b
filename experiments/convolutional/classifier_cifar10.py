"""Residual networks and VGG-11 on CIFAR-10 by the residual paper's recipe (U2.4, U2.7).

Papers: He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition,
https://arxiv.org/abs/1512.03385, section 4.2 (test errors of table 6: 8.75 % with 20
layers, 7.51, 7.17, 6.97, 6.43 with 32, 44, 56 and 110, 7.93 with 1202); Simonyan,
Zisserman (2015), https://arxiv.org/abs/1409.1556, for VGG-11, with batch norm.

The defaults are the paper's: stochastic gradient descent with momentum 0.9 in batches
of 128, 64,000 updates at rates .1, .01 and .001, weight decay 1e-4 of all parameters
(scales and shifts of batch norm as well, of which the paper excepts nothing), the mean
of each pixel subtracted, random crops of what is padded by four zeros, and flips. With
110 layers the first 400 updates are at .01. 45,000 images train and 5,000 validate, as
where the paper found its schedule.

Measured: not run, since CIFAR-10 was not at hand; the tests run it for two updates on
digits. A set that TensorFlow Datasets has prepared, or the binary version of the files
(https://www.cs.toronto.edu/~kriz/cifar.html, unpacked or not), is needed. Commands:
python experiments/convolutional/classifier_cifar10.py --members 5
python experiments/convolutional/classifier_cifar10.py --data cifar-10-binary.tar.gz
--model resnet110_cifar
"""

import os
from typing import Literal

from dljax.cli import command

import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, pictures, zoo
from dljax import data as sources
from dljax.data import DataSet, Normalizer
from dljax.experiment import Experiment
from dljax.objectives import classify, predict, score_classes
from dljax.training import Player
from dljax.types import Spec

SIZE = (32, 32)
# What these nets need on small images.
SETTINGS = {
    'resnet18': {'small_images': True},
    'vgg11_bn': {
        'hidden': 512,
        'pooled': 1,
        'dense_init': nn.initializers.he_normal(),
    },
}
DEEP = ('resnet110_cifar', 'resnet1202_cifar')  # they start at a tenth of the rate
TINY = {'data': 'digits', 'width': 2, 'steps': 2, 'batch_size': 4}


def experiment(
    *,
    model: Literal[
        'resnet20_cifar',
        'resnet32_cifar',
        'resnet44_cifar',
        'resnet56_cifar',
        'resnet110_cifar',
        'resnet1202_cifar',
        'resnet18',
        'preact_resnet18',
        'vgg11_bn',
    ] = 'resnet20_cifar',
    data: str = 'cifar10',
    width: int | None = None,
    steps: int = 64_000,
    batch_size: int = 128,
    learning_rate: float = 0.1,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    warm_up: int | None = None,
    padding: int = 4,
    flip: bool = True,
) -> Experiment:
    """Train a classifier of small images; the rate falls twice, each time to a tenth.

    Args:
        model: one of the zoo.
        data: what `data.load` knows, or the place of CIFAR's binary files.
        width: channels of the first stage; None for the model's own.
        steps: updates in all; the rate falls after a half and three quarters of them.
        batch_size: examples in one update.
        learning_rate: of the first updates.
        momentum: of stochastic gradient descent.
        weight_decay: times each parameter is added to its gradient.
        warm_up: updates at the beginning at a tenth of the rate; by default 400 with
            110 layers or more, else none.
        padding: zeros at each edge of which random crops are taken, in pixels.
        flip: whether left and right are swapped at random; not for digits.
    """
    own = sources.cifar(data) if os.path.exists(data) else sources.load(data)
    train, validation = splits(own)
    sets = {name: images(own, name) for name in (train, validation, 'test')}
    mean = sets[train]['image'].mean(axis=0, dtype=np.float64)
    centre = Normalizer(tuple(mean.ravel().tolist()), (1.0,) * mean.size, 'mean')
    for arrays in sets.values():
        flat = arrays['image'].reshape(len(arrays['image']), -1)
        arrays['centred'] = centre(flat).reshape(arrays['image'].shape)

    classes = len(own.class_names)
    settings = SETTINGS.get(model, {}) | ({'width': width} if width else {})
    crop = sources.augment.random_crop(padding)
    schedule = rates(
        learning_rate,
        steps,
        400 * (model in DEEP) if warm_up is None else warm_up,
    )
    return Experiment(
        net=create_model(model, classes=classes, **settings),
        players={
            'classifier': Player(
                optax.chain(
                    optax.add_decayed_weights(weight_decay),
                    optax.sgd(schedule, momentum),
                ),
                loss=classify(
                    'centred',
                    augment=sources.augment.compose(crop, sources.augment.flip())
                    if flip
                    else crop,
                ),
            )
        },
        source=sources.resident(
            {name: sets[train][name] for name in ('centred', 'label')}, batch_size
        ),
        steps=steps,
        class_names=own.class_names,
        data_summary=own.summary,
        score=score_classes('centred'),
        evaluation={'validation': sets[validation], 'test': sets['test']},
        inputs={
            'centred': Spec((*SIZE, mean.shape[-1])),
            'label': zoo.inputs(model, classes=classes)['label'],
        },
        best='validation/accuracy',
        normalizers={'centred': centre},
        pictures={
            'Confusion matrix': pictures.confusion(predict('centred'), own.class_names),
            'Worst mistakes': pictures.mistakes(predict('centred'), own.class_names),
        },
    )


def splits(own: DataSet) -> tuple[str, str]:
    """Name training and validation split; of a set with none a tenth validates."""
    if 'validation' in own.splits:
        return 'train', 'validation'
    return 'train[:90%]', 'train[90%:]'


def images(own: DataSet, split: str) -> dict[str, np.ndarray]:
    """Read a split in [0, 1], of 32x32 pixels."""
    same = own.specs['image'].shape[:2] == SIZE
    arrays = own.images(split, None if same else SIZE)
    return {name: arrays[name] for name in ('image', 'label')}


def rates(learning_rate: float, steps: int, warm_up: int) -> optax.Schedule:
    """Keep a rate, with a tenth of it at first, and divide it by ten twice."""
    falling = optax.piecewise_constant_schedule(
        learning_rate, {steps // 2: 0.1, steps * 3 // 4: 0.1}
    )
    if not warm_up:
        return falling
    return lambda count: falling(count) * (1 - 0.9 * (count < warm_up))


if __name__ == '__main__':
    command(experiment)
