"""Residual networks whose activations stand before the convolutions."""

from typing import Any

from dljax.models.residual.resnet import ResNet
from dljax.models.settings import settings_of


@settings_of(
    ResNet,
    'blocks',
    'bottleneck',
    'preactivation',
    'zero_init_residual',
    classes=10,
    small_images=True,
)
def preact_resnet18(**settings: Any) -> ResNet:
    """Make ResNet-18 with preactivation, for images of 32x32: 11,172,170 parameters.

    Nothing is done to the sum of a block, so that the identity runs from the stem to
    the last activation. The activation of the first block stands right behind the
    stem's convolution, before the ways part, and there is one more after the last
    block. For larger images, `small_images=False` has the stem of `resnet18`.

    Args:
        **settings: the other attributes of `ResNet`.

    Returns:
        The net.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        He et al. (2016), Identity Mappings in Deep Residual Networks,
        https://arxiv.org/abs/1603.05027

    Example:
        >>> preact_resnet18().classes
        10
    """
    return ResNet(blocks=(2, 2, 2, 2), bottleneck=False, preactivation=True, **settings)
