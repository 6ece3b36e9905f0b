"""Residual networks."""

from dljax.models import residual
from dljax.models.residual.resnet import ResNet
from dljax.types import Spec
from dljax.zoo.rows import Row, Specs, label

_RESIDUAL = (
    'He, Zhang, Ren and Sun, 2016, Deep Residual Learning for Image Recognition, '
    'https://arxiv.org/abs/1512.03385'
)
_IDENTITY = (
    'He, Zhang, Ren and Sun, 2016, Identity Mappings in Deep Residual Networks, '
    'https://arxiv.org/abs/1603.05027'
)


def _pictures(net: ResNet) -> Specs:
    """Colour pictures of any size; the nets leave their range to the user."""
    return {'image': Spec((None, None, 3)), 'label': label(net.classes)}


_LARGE = {'inputs': _pictures, 'example': {'image': (224, 224, 3)}}
_SMALL = {'inputs': _pictures, 'example': {'image': (32, 32, 3)}}

ROWS = (
    Row(
        name='resnet18',
        constructor=residual.resnet18,
        parameters=11_689_512,
        paper=_RESIDUAL,
        reference='torchvision',
        **_LARGE,
    ),
    Row(
        name='resnet34',
        constructor=residual.resnet34,
        parameters=21_797_672,
        paper=_RESIDUAL,
        reference='torchvision',
        **_LARGE,
    ),
    Row(
        name='resnet50',
        constructor=residual.resnet50,
        parameters=25_557_032,
        paper=_RESIDUAL,
        reference='torchvision, with the stride on the 3x3 convolution',
        **_LARGE,
    ),
    Row(
        name='resnet101',
        constructor=residual.resnet101,
        parameters=44_549_160,
        paper=_RESIDUAL,
        reference='torchvision, with the stride on the 3x3 convolution',
        **_LARGE,
    ),
    Row(
        name='resnet152',
        constructor=residual.resnet152,
        parameters=60_192_808,
        paper=_RESIDUAL,
        reference='torchvision, with the stride on the 3x3 convolution',
        **_LARGE,
    ),
    Row(
        name='resnet50_keras',
        constructor=residual.resnet50_keras,
        parameters=25_583_592,
        paper=_RESIDUAL,
        reference='keras.applications.ResNet50: 25,636,712 with the statistics',
        **_LARGE,
    ),
    Row(
        name='resnet_cifar',
        constructor=residual.resnet_cifar,
        parameters=75_290,
        paper=_RESIDUAL,
        reference='464 + 4,672 + 13,952 + 55,552 + 650',
        **_SMALL,
    ),
    Row(
        name='resnet20_cifar',
        constructor=residual.resnet20_cifar,
        parameters=269_722,
        paper=_RESIDUAL,
        reference='464 + 14,016 + 51,072 + 203,520 + 650; .27 M in table 6',
        **_SMALL,
    ),
    Row(
        name='resnet32_cifar',
        constructor=residual.resnet32_cifar,
        parameters=464_154,
        paper=_RESIDUAL,
        reference='464 + 23,360 + 88,192 + 351,488 + 650; .46 M in table 6',
        **_SMALL,
    ),
    Row(
        name='resnet44_cifar',
        constructor=residual.resnet44_cifar,
        parameters=658_586,
        paper=_RESIDUAL,
        reference='464 + 32,704 + 125,312 + 499,456 + 650; .66 M in table 6',
        **_SMALL,
    ),
    Row(
        name='resnet56_cifar',
        constructor=residual.resnet56_cifar,
        parameters=853_018,
        paper=_RESIDUAL,
        reference='464 + 42,048 + 162,432 + 647,424 + 650; .85 M in table 6',
        **_SMALL,
    ),
    Row(
        name='resnet110_cifar',
        constructor=residual.resnet110_cifar,
        parameters=1_727_962,
        paper=_RESIDUAL,
        reference='464 + 84,096 + 329,472 + 1,313,280 + 650; 1.7 M in table 6',
        **_SMALL,
    ),
    Row(
        name='resnet1202_cifar',
        constructor=residual.resnet1202_cifar,
        parameters=19_421_274,
        paper=_RESIDUAL,
        reference='464 + 934,400 + 3,707,392 + 14,778,368 + 650; 19.4 M in table 6',
        **_SMALL,
    ),
    Row(
        name='preact_resnet18',
        constructor=residual.preact_resnet18,
        parameters=11_172_170,
        paper=_IDENTITY,
        reference='1,856 + 147,840 + 525,184 + 2,098,944 + 8,392,192 + 1,024 + 5,130',
        **_SMALL,
    ),
)
