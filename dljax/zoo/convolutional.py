"""Convolutional networks."""

from flax import linen as nn

from dljax.models import convolutional
from dljax.types import Spec
from dljax.zoo.rows import Row, Specs, images, label

_LENET = (
    'LeCun, Bottou, Bengio and Haffner, 1998, Gradient-Based Learning Applied to '
    'Document Recognition, https://doi.org/10.1109/5.726791'
)


def _photographs(net: nn.Module) -> Specs:
    """Images of any size, three channels, normalised or not."""
    return {'image': Spec((None, None, 3)), 'label': label(net.classes)}


ROWS = (
    Row(
        name='lenet5',
        constructor=convolutional.LeNet5,
        inputs=lambda net: images(28 if net.padding == 'SAME' else 32, 1, net.classes),
        parameters=61_706,
        paper=_LENET,
        reference='the LeNet of the PyTorch tutorial "Neural Networks"',
    ),
    Row(
        name='lenet5_1998',
        constructor=convolutional.LeNet1998,
        inputs=lambda net: images(32, 1, 10),
        parameters=60_000,
        paper=_LENET,
        reference='the paper, section II.B: 156+12+1,516+32+48,120+10,164',
    ),
    Row(
        name='tutorial_cnn',
        constructor=convolutional.TutorialCNN,
        inputs=lambda net: images(28, 1, net.classes),
        parameters=3_144_110,
        paper='Row U2.3 of the course',
        reference='364 + 12,636 + 3,113,460 + 17,650',
    ),
    Row(
        name='alexnet',
        constructor=convolutional.AlexNet,
        inputs=_photographs,
        example={'image': (224, 224, 3)},
        parameters=61_100_840,
        paper='Krizhevsky, 2014, One Weird Trick for Parallelizing Convolutional '
        'Neural Networks, https://arxiv.org/abs/1404.5997',
        reference='torchvision: alexnet',
    ),
)
