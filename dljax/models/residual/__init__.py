"""Networks of residual blocks."""

from dljax.models.residual.preact_resnet import preact_resnet18
from dljax.models.residual.resnet import (
    resnet18,
    resnet34,
    resnet50,
    resnet50_keras,
    resnet101,
    resnet152,
)
from dljax.models.residual.resnet_cifar import (
    resnet20_cifar,
    resnet32_cifar,
    resnet44_cifar,
    resnet56_cifar,
    resnet110_cifar,
    resnet1202_cifar,
    resnet_cifar,
)

__all__ = [
    'preact_resnet18',
    'resnet101',
    'resnet110_cifar',
    'resnet1202_cifar',
    'resnet152',
    'resnet18',
    'resnet20_cifar',
    'resnet32_cifar',
    'resnet34',
    'resnet44_cifar',
    'resnet50',
    'resnet50_keras',
    'resnet56_cifar',
    'resnet_cifar',
]
