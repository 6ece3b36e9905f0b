"""Residual networks, and those of torchvision and Keras by name."""

import functools
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
from dljax.layers import (
    Normalise,
    NormalisedConv,
    PreactivationBlock,
    ResidualBlock,
    Shortcut,
    batch_norm,
    check_images,
    global_average_pool,
    rematerialise,
)
from dljax.layers.residual import check_shortcut
from dljax.models.settings import check_settings, settings_of
from dljax.types import Array

# The initialisers of torchvision's: of convolutions, and of dense layers.
he_fan_out = nn.initializers.variance_scaling(2.0, 'fan_out', 'normal')
uniform_fan_in = nn.initializers.variance_scaling(1 / 3, 'fan_in', 'uniform')

_keras_norm = functools.partial(batch_norm, epsilon=1.001e-5, momentum=0.99)


class ResNet(nn.Module):
    """Stages of residual blocks; each stage but the first halves the side.

    A 7x7 convolution of stride 2 and 3x3 maximum pooling of stride 2 (or, for small
    images, a 3x3 convolution alone); stages `layer1_0`, `layer1_1`, ... of w, 2w, 4w,
    ... channels, four times that at the ends of bottlenecks; the mean over all places;
    logits. Images of any size and any number of channels.

    Attributes:
        blocks: how many there are in each stage.
        bottleneck: whether a block has three convolutions and not two.
        classes: the number of logits, at least 2.
        width: w.
        small_images: whether the stem keeps the size, as 32x32 pixels want it.
        shortcut: 'projection' or 'padding', where shapes differ; 'none' leaves all
            shortcuts out, which makes a plain net.
        preactivation: whether blocks are `PreactivationBlock`s, with an activation
            behind the last.
        stride_first: whether the stride of a bottleneck is at its first convolution.
        use_bias: whether convolutions have biases though they are normalised.
        zero_init_residual: whether blocks start as their shortcuts; not with
            preactivation, where no scale stands behind the last convolution.
        remat: whether the backward pass rematerialises the inside of each block, which
            saves memory; the numbers are the same.
        normalise: after each convolution; None for none.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the convolutions, by default He's for the fan out.
        output_init: initialiser of the last weights, by default torch's, uniform within
            1 / √(fan in). Biases start at 0.

    Raises:
        ValueError: for a setting out of range, or two that exclude each other.

    Reference:
        He et al. (2016), Deep Residual Learning for Image Recognition,
        https://arxiv.org/abs/1512.03385
    """

    blocks: tuple[int, ...] = (2, 2, 2, 2)
    bottleneck: bool = False
    classes: int = 1000
    width: int = 64
    small_images: bool = False
    shortcut: Shortcut = 'projection'
    preactivation: bool = False
    stride_first: bool = False
    use_bias: bool = False
    zero_init_residual: bool = False
    remat: bool = False
    normalise: Normalise | None = batch_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = he_fan_out
    output_init: Initializer = uniform_fan_in

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_settings(self.classes, width=self.width)
        check_shortcut(self.shortcut)
        if not self.blocks or min(self.blocks) < 1:
            raise ValueError(
                f'blocks are {self.blocks}, wanted one stage or more, and at least 1 '
                'block in each'
            )
        if self.preactivation and self.zero_init_residual:
            raise ValueError(
                'preactivation and zero_init_residual are both set, wanted one of '
                'them: blocks with preactivation end with a convolution'
            )

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            image: [batch, height, width, channel] float, normalised as one likes.
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if `image` is no batch of images.
        """
        check_images(image)
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        shared = {'normalise': self.normalise, 'axis_name': self.axis_name, **types}
        common = {**shared, 'kernel_init': self.kernel_init}
        x = NormalisedConv(
            self.width,
            kernel_size=3 if self.small_images else 7,
            stride=1 if self.small_images else 2,
            use_bias=self.use_bias or self.normalise is None,
            name='stem',
            **common,
        )(image, train=train)
        if not self.small_images:
            x = max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, blocks in enumerate(self.blocks):
            for index in range(blocks):
                block = self._block(
                    stage, index, name=f'layer{stage + 1}_{index}', **common
                )
                x = rematerialise(block, x, train=train, remat=self.remat)
        if self.preactivation:
            if self.normalise is not None:
                shared.pop('normalise')
                x = self.normalise(x, train=train, name='norm', **shared)
            x = nn.relu(x)
        output = nn.Dense(
            self.classes, kernel_init=self.output_init, name='output', **types
        )
        return output(global_average_pool(x))

    def _block(self, stage: int, index: int, **common: Any) -> nn.Module:
        shape = {
            'features': self.width * 2**stage,
            'stride': 2 if stage and not index else 1,
            'bottleneck': self.bottleneck,
            'shortcut': self.shortcut,
            'stride_first': self.stride_first,
            'use_bias': self.use_bias,
        }
        if self.preactivation:
            start = stage == index == 0  # the stem has activated its input
            return PreactivationBlock(activated=start, **shape, **common)
        return ResidualBlock(zero_init=self.zero_init_residual, **shape, **common)


@settings_of(ResNet, 'blocks', 'bottleneck')
def resnet18(**settings: Any) -> ResNet:
    """Make ResNet-18: 11,689,512 parameters for 1000 classes.

    On images of 32x32, as many train it, `small_images=True` keeps their size in the
    stem: 11,173,962 parameters for ten classes.

    Args:
        **settings: the other attributes of `ResNet`.

    Returns:
        The net, with the layers and initialisers of torchvision.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        He et al. (2016), Deep Residual Learning for Image Recognition,
        https://arxiv.org/abs/1512.03385

    Example:
        >>> resnet18(classes=10, small_images=True).blocks
        (2, 2, 2, 2)
    """
    return ResNet(blocks=(2, 2, 2, 2), bottleneck=False, **settings)


@settings_of(ResNet, 'blocks', 'bottleneck')
def resnet34(**settings: Any) -> ResNet:
    """Make ResNet-34: 21,797,672 parameters for 1000 classes; else as `resnet18`."""
    return ResNet(blocks=(3, 4, 6, 3), bottleneck=False, **settings)


@settings_of(ResNet, 'blocks', 'bottleneck')
def resnet50(**settings: Any) -> ResNet:
    """Make ResNet-50: 25,557,032 parameters for 1000 classes; else as `resnet18`.

    The stride of a bottleneck is at its 3x3 convolution, as in torchvision (v1.5), and
    not at the first 1x1, where `stride_first=True` has it, as the paper.
    """
    return ResNet(blocks=(3, 4, 6, 3), bottleneck=True, **settings)


@settings_of(ResNet, 'blocks', 'bottleneck')
def resnet101(**settings: Any) -> ResNet:
    """Make ResNet-101: 44,549,160 parameters for 1000 classes; else as `resnet50`."""
    return ResNet(blocks=(3, 4, 23, 3), bottleneck=True, **settings)


@settings_of(ResNet, 'blocks', 'bottleneck')
def resnet152(**settings: Any) -> ResNet:
    """Make ResNet-152: 60,192,808 parameters for 1000 classes; else as `resnet50`."""
    return ResNet(blocks=(3, 8, 36, 3), bottleneck=True, **settings)


@settings_of(
    ResNet,
    'blocks',
    'bottleneck',
    stride_first=True,
    use_bias=True,
    normalise=_keras_norm,
    kernel_init=nn.initializers.glorot_uniform(),
    output_init=nn.initializers.glorot_uniform(),
)
def resnet50_keras(**settings: Any) -> ResNet:
    """Make the ResNet-50 of `keras.applications`: 25,583,592 trainable parameters.

    With the paper's stride at the first 1x1 convolution of a block, biases on all
    convolutions, and Keras's constants of batch norm (epsilon 1.001e-5, momentum .99)
    and initialisers. With the statistics it has 25,636,712 numbers, as Keras counts.

    Args:
        **settings: the other attributes of `ResNet`.

    Returns:
        The net.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Chollet et al. (2015), Keras, https://keras.io/api/applications/resnet/

    Example:
        >>> resnet50_keras().use_bias
        True
    """
    return ResNet(blocks=(3, 4, 6, 3), bottleneck=True, **settings)
