"""SRResNet: residual blocks at low resolution, sub-pixel convolutions behind them."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.barrier import barrier
from dljax.kernels.convolve_blocked import convolve_blocked
from dljax.layers import (
    Conv,
    Normalise,
    NormalisedConv,
    SubPixelConv,
    batch_norm,
    check_channels,
    rematerialise,
)
from dljax.models.enlarging import enlargements, largest_block
from dljax.models.settings import check_sizes
from dljax.types import Array

# Of the last convolution of a block that nothing normalises.
SMALL = nn.initializers.variance_scaling(0.02, 'fan_in', 'normal')


class EnlargingBlock(nn.Module):
    r"""Two 3x3 convolutions beside the identity, with nothing behind the sum.

    Attributes:
        features: channels of what comes in and of the result.
        normalise: after each convolution; None for none.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights; without normalisation those of the
            second convolution start ten times smaller.
    """

    features: int
    normalise: Normalise | None = batch_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    @nn.compact
    def __call__(self, maps: Array, *, train: bool = False) -> Array:
        """Compute the feature maps.

        Args:
            maps: [batch, height, width, features].
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, height, width, features].
        """
        x = _conv(self, 'conv1')(maps, train=train)
        x = _prelu(self, 'prelu')(x)
        # Not so small, sums of many blocks that nothing normalises leave the range.
        small = SMALL if self.normalise is None else None
        return barrier(maps + _conv(self, 'conv2', small)(x, train=train))


class SRResNet(nn.Module):
    """SRResNet: what a picture would be at a multiple of its resolution.

    A 9x9 convolution with a PReLU; B residual blocks of two 3x3 convolutions, with
    batch normalisation and a PReLU between them; a 3x3 convolution and a skip from
    before the blocks; for each doubling a 3x3 convolution of four times the features,
    `depth_to_space` and a PReLU; a 9x9 convolution. Each PReLU has one slope. All but
    the last layers work at low resolution.

    It is the generator of SRGAN; there the paper calls a net that has learned by the
    squared error alone SRResNet.

    Attributes:
        scale: by which the sides grow, a product of 2 and 3; 4 in the paper.
        blocks: B, residual blocks.
        features: channels of all layers but the last.
        channels: of the pictures.
        bicubic_skip: whether the layers learn what the bicubic enlargement of a picture
            lacks, which is added to their result, as in VDSR; then the last one starts
            at 0, and the net as good as bicubic interpolation. Not in the paper.
        smooth_init: whether the sub-pixel convolutions start without a checkerboard,
            see `SubPixelConv`.
        normalise: after each convolution of the body; None for none, which trains more
            steadily where updates are few.
        remat: whether the blocks are computed again in the backward pass, which saves
            memory; the numbers stay.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a size below 1, or another scale.

    Reference:
        Ledig et al. (2017), Photo-Realistic Single Image Super-Resolution Using a
        Generative Adversarial Network, https://arxiv.org/abs/1609.04802. There pictures
        of high resolution are in [-1, 1]; here all are in [0, 1].
        Kim et al. (2016), Accurate Image Super-Resolution Using Very Deep Convolutional
        Networks, https://arxiv.org/abs/1511.04587; VDSR's skip.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = SRResNet(blocks=1, features=4), jnp.ones((2, 5, 6, 3))
        >>> net.init_with_output(jax.random.key(0), image)[0].shape
        (2, 20, 24, 3)
    """

    scale: int = 4
    blocks: int = 16
    features: int = 64
    channels: int = 3
    bicubic_skip: bool = False
    smooth_init: bool = False
    normalise: Normalise | None = batch_norm
    remat: bool = False
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        enlargements(self.scale)
        check_sizes(blocks=self.blocks, features=self.features, channels=self.channels)

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Enlarge pictures.

        Args:
            image: [batch, height, width, channels] float in [0, 1], of any size.
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, height · scale, width · scale, channels]; where it has learned, in
            [0, 1] but for overshoots.

        Raises:
            ValueError: if `image` is no batch of images of so many channels.
        """
        check_channels(image, self.channels)
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = Conv(self.features, (9, 9), name='input', **types)(image)
        first = x = barrier(_prelu(self, 'input_prelu')(x))
        for index in range(self.blocks):
            block = EnlargingBlock(
                self.features,
                self.normalise,
                self.axis_name,
                name=f'block_{index}',
                **types,
            )
            x = rematerialise(block, x, train=train, remat=self.remat)
        x = barrier(first + _conv(self, 'body')(x, train=train))
        for index, step in enumerate(enlargements(self.scale)):
            x = SubPixelConv(
                self.features,
                step,
                smooth_init=self.smooth_init,
                name=f'enlarge_{index}',
                **types,
            )(x)
            x = barrier(_prelu(self, f'enlarge_{index}_prelu')(x))
        types['kernel_init'] = nn.initializers.lecun_normal()  # no PReLU behind it
        if self.bicubic_skip:
            types['kernel_init'] = nn.initializers.zeros
        x = nn.Conv(
            self.channels,
            (9, 9),
            conv_general_dilated=convolve_blocked(largest_block(self.scale)),
            name='output',
            **types,
        )(x)
        if not self.bicubic_skip:
            return x
        return x + jax.image.resize(image, x.shape, 'cubic').astype(x.dtype)


def _conv(
    net: EnlargingBlock | SRResNet, name: str, kernel_init: Initializer | None = None
) -> NormalisedConv:
    """Make a 3x3 convolution with its normalisation and a bias, as torch nets do."""
    return NormalisedConv(
        net.features,
        kernel_size=3,
        stride=1,
        activation=jax.nn.identity,
        normalise=net.normalise,
        use_bias=True,
        axis_name=net.axis_name,
        dtype=net.dtype,
        param_dtype=net.param_dtype,
        kernel_init=kernel_init or net.kernel_init,
        name=name,
    )


def _prelu(net: EnlargingBlock | SRResNet, name: str) -> nn.PReLU:
    return nn.PReLU(net.param_dtype, negative_slope_init=0.25, name=name)
