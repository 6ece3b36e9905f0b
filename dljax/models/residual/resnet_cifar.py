"""The residual networks for images of 32x32, with shortcuts without parameters."""

from typing import Any

from flax import linen as nn

from dljax.models.residual.resnet import ResNet
from dljax.models.settings import settings_of

he_fan_in = nn.initializers.variance_scaling(2.0, 'fan_in', 'normal')
_for_small_images = settings_of(
    ResNet,
    'blocks',
    'bottleneck',
    classes=10,
    width=16,
    small_images=True,
    shortcut='padding',
    kernel_init=he_fan_in,
)


@_for_small_images
def resnet_cifar(depth: int = 8, **settings: Any) -> ResNet:
    """Make a residual network of 6n + 2 layers for small images.

    A 3x3 convolution and three stages of n blocks of w, 2w and 4w channels, w being 16;
    where shapes change, the shortcut skips every second place and adds channels of
    zeros (option A). The paper's depths have functions of their own.

    Args:
        depth: the number of layers with weights; by default the least, n being 1.
        **settings: the other attributes of `ResNet`.

    Returns:
        The net, with He's initialiser for the fan in, as the paper has it.

    Raises:
        ValueError: for a depth that is not 6n + 2, or another setting out of range.

    Reference:
        He et al. (2016), Deep Residual Learning for Image Recognition, section 4.2,
        https://arxiv.org/abs/1512.03385

    Example:
        >>> resnet_cifar(depth=20).blocks
        (3, 3, 3)
    """
    n = (depth - 2) // 6
    if n < 1 or depth != 6 * n + 2:
        raise ValueError(
            f'depth is {depth}, wanted 6n + 2 layers with n of at least 1, such as 8, '
            '14, 20, 32, 44, 56 or 110'
        )
    return ResNet(blocks=(n, n, n), bottleneck=False, **settings)


@_for_small_images
def resnet20_cifar(**settings: Any) -> ResNet:
    """Make ResNet-20 for small images: 269,722 parameters; see `resnet_cifar`."""
    return resnet_cifar(20, **settings)


@_for_small_images
def resnet32_cifar(**settings: Any) -> ResNet:
    """Make ResNet-32 for small images: 464,154 parameters; see `resnet_cifar`."""
    return resnet_cifar(32, **settings)


@_for_small_images
def resnet44_cifar(**settings: Any) -> ResNet:
    """Make ResNet-44 for small images: 658,586 parameters; see `resnet_cifar`."""
    return resnet_cifar(44, **settings)


@_for_small_images
def resnet56_cifar(**settings: Any) -> ResNet:
    """Make ResNet-56 for small images: 853,018 parameters; see `resnet_cifar`."""
    return resnet_cifar(56, **settings)


@_for_small_images
def resnet110_cifar(**settings: Any) -> ResNet:
    """Make ResNet-110 for small images: 1,727,962 parameters; see `resnet_cifar`."""
    return resnet_cifar(110, **settings)


@_for_small_images
def resnet1202_cifar(**settings: Any) -> ResNet:
    """Make ResNet-1202 for small images: 19,421,274 parameters; see `resnet_cifar`."""
    return resnet_cifar(1202, **settings)
