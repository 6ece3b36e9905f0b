"""EDSR: residual blocks without normalisation, for super-resolution."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.barrier import barrier
from dljax.layers import Conv, SubPixelConv, check_channels, rematerialise
from dljax.models.enlarging import enlargements
from dljax.models.settings import check_sizes
from dljax.types import Array

MEAN = (0.4488, 0.4371, 0.4040)  # of red, green and blue over DIV2K
# As torch starts convolutions: small enough that many sums of blocks stay in range.
SMALL = nn.initializers.variance_scaling(1 / 3, 'fan_in', 'uniform')


class PlainBlock(nn.Module):
    r"""Two 3x3 convolutions with a ReLU between, beside the identity: x + s F(x).

    Attributes:
        features: channels of what comes in and of the result.
        residual_scale: s.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
    """

    features: int
    residual_scale: float = 1.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = SMALL

    @nn.compact
    def __call__(self, maps: Array, *, train: bool = False) -> Array:
        """Compute the feature maps.

        Args:
            maps: [batch, height, width, features].
            train: not used.

        Returns:
            [batch, height, width, features].
        """
        del train
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = Conv(self.features, (3, 3), name='conv1', **types)(maps)
        x = barrier(nn.relu(x))
        x = Conv(self.features, (3, 3), name='conv2', **types)(x)
        return barrier(maps + x * self.residual_scale)


class EDSR(nn.Module):
    """EDSR: SRResNet without normalisation, and with 3x3 convolutions only.

    Blocks have nothing behind their sum, sub-pixel convolutions no activation, and the
    mean colour is subtracted first and added last. The default is the paper's baseline;
    the large net has 32 blocks of 256 features and a `residual_scale` of 0.1.

    Attributes:
        scale: by which the sides grow, a product of 2 and 3.
        blocks: residual blocks.
        features: channels of all layers but the last.
        channels: of the pictures, 1 or 3.
        residual_scale: by which a block's convolutions are multiplied before they are
            added; below 1 it steadies wide nets.
        smooth_init: whether the sub-pixel convolutions start without a checkerboard,
            see `SubPixelConv`.
        remat: whether the blocks are computed again in the backward pass, which saves
            memory; the numbers stay.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a size below 1, or another scale or number of channels.

    Reference:
        Lim et al. (2017), Enhanced Deep Residual Networks for Single Image
        Super-Resolution, https://arxiv.org/abs/1707.02921

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = EDSR(scale=2, blocks=1, features=4), jnp.ones((2, 5, 6, 3))
        >>> net.init_with_output(jax.random.key(0), image)[0].shape
        (2, 10, 12, 3)
    """

    scale: int = 4
    blocks: int = 16
    features: int = 64
    channels: int = 3
    residual_scale: float = 1.0
    smooth_init: bool = False
    remat: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = SMALL

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        enlargements(self.scale)
        check_sizes(blocks=self.blocks, features=self.features)
        if self.channels not in (1, 3):
            raise ValueError(f'channels is {self.channels}, wanted 1 or 3')

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Enlarge pictures.

        Args:
            image: [batch, height, width, channels] float in [0, 1], of any size.
            train: not used.

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
        mean = jnp.array(MEAN, image.dtype)
        mean = mean.mean(keepdims=True) if self.channels == 1 else mean
        mean = mean[None, None, None, :]
        first = x = Conv(self.features, (3, 3), name='input', **types)(image - mean)
        for index in range(self.blocks):
            block = PlainBlock(
                self.features, self.residual_scale, name=f'block_{index}', **types
            )
            x = rematerialise(block, x, train=train, remat=self.remat)
        x = barrier(first + Conv(self.features, (3, 3), name='body', **types)(x))
        for index, step in enumerate(enlargements(self.scale)):
            x = SubPixelConv(
                self.features,
                step,
                smooth_init=self.smooth_init,
                name=f'enlarge_{index}',
                **types,
            )(x)
        x = Conv(self.channels, (3, 3), name='output', **types)(barrier(x))
        return x + mean.astype(x.dtype)
