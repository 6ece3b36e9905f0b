"""The inception module: four looks at the same feature maps, side by side."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
from dljax.layers.normalisation import Normalise, batch_norm
from dljax.layers.normalised_conv import NormalisedConv
from dljax.types import Array


class Inception(nn.Module):
    """Convolutions of 1x1, 3x3 and k x k and a pool, beside each other.

    All see the same feature maps and keep height and width; their channels are joined.
    A 1x1 convolution narrows the maps before either large kernel and behind the pool.

    Attributes:
        features: six numbers of channels: of the 1x1 branch, what the second is
            narrowed to and its 3x3 convolution, what the third is narrowed to and its
            convolution, of the branch with the pool.
        kernel_size: k, of the third branch, odd: 5 in the paper, 3 in torchvision.
        normalise: such as `batch_norm`; None for none, and biases instead.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        bias_init: initialiser of the biases, where there are any.

    Raises:
        ValueError: for other than six numbers, or an even kernel.

    Reference:
        Szegedy et al. (2015), Going Deeper with Convolutions, figure 2(b),
        https://arxiv.org/abs/1409.4842

    Example:
        >>> import jax
        >>> layer, maps = Inception((4, 2, 6, 2, 3, 5)), jnp.ones((2, 7, 7, 3))
        >>> init = layer.init_with_output
        >>> jax.eval_shape(init, jax.random.key(0), maps)[0].shape
        (2, 7, 7, 18)
    """

    features: tuple[int, int, int, int, int, int]
    kernel_size: int = 5
    normalise: Normalise | None = batch_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()
    bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if len(self.features) != 6:
            raise ValueError(
                f'features are {self.features}, wanted six numbers of channels, such '
                'as (64, 96, 128, 16, 32, 32)'
            )
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ValueError(
                f'kernel_size is {self.kernel_size}, wanted an odd number such as '
                '5, since maps of one size are joined'
            )

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the feature maps.

        Args:
            inputs: [batch, height, width, channel].
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, height, width, features 0 + 2 + 4 + 5].
        """
        settings: dict[str, Any] = {
            'normalise': self.normalise,
            'use_bias': self.normalise is None,
            'axis_name': self.axis_name,
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
            'bias_init': self.bias_init,
        }

        def conv(name: str, index: int, x: Array, kernel_size: int = 1) -> Array:
            layer = NormalisedConv(
                self.features[index], kernel_size, stride=1, name=name, **settings
            )
            return layer(x, train=train)

        first = conv('branch1', 0, inputs)
        second = conv('branch2_1', 2, conv('branch2_0', 1, inputs), kernel_size=3)
        third = conv(
            'branch3_1', 4, conv('branch3_0', 3, inputs), kernel_size=self.kernel_size
        )
        pooled = max_pool(inputs, (3, 3), (1, 1), 'SAME')
        fourth = conv('branch4_1', 5, pooled)
        return jnp.concatenate([first, second, third, fourth], axis=-1)
