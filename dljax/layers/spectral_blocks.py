"""Residual blocks of adversaries whose weights all have the spectral norm 1."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.conditional_norm import ConditionalBatchNorm
from dljax.layers.conv import Conv
from dljax.layers.normalised_conv import constrained
from dljax.layers.orthogonal import orthogonal
from dljax.layers.upsampling import upsample_nearest
from dljax.types import Array


class ConditionalBlock(nn.Module):
    """Doubles the side: two 3x3 convolutions behind conditional norms and ReLUs.

    Attributes:
        features: channels of the result.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Reference:
        Brock et al. (2019), Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, appendix B, https://arxiv.org/abs/1809.11096

    Example:
        >>> import jax, jax.numpy as jnp
        >>> maps, condition = jnp.ones((2, 4, 4, 8)), jnp.ones((2, 5))
        >>> initialise = ConditionalBlock(6).init_with_output
        >>> made, _ = jax.eval_shape(initialise, jax.random.key(0), maps, condition)
        >>> made.shape
        (2, 8, 8, 6)
    """

    features: int
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = orthogonal()

    @nn.compact
    def __call__(
        self, inputs: Array, condition: Array, *, train: bool = False
    ) -> Array:
        """Compute the feature maps.

        Args:
            inputs: [batch, height, width, channel].
            condition: [batch, numbers] of the noise and the class.
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, 2 height, 2 width, features].
        """
        types = spectral_types(self)

        def rectify(x: Array, name: str) -> Array:
            norm = ConditionalBatchNorm(
                spectral=True, axis_name=self.axis_name, name=name, **types
            )
            return nn.relu(norm(x, condition, train=train))

        x = upsample_nearest(rectify(inputs, 'norm_0'))
        x = spectral_conv(self, x, self.features, 3, 'conv_0', train)
        x = spectral_conv(self, rectify(x, 'norm_1'), self.features, 3, 'conv_1', train)
        # A 1x1 convolution sees each place alone, so it may come before the doubling.
        around = spectral_conv(self, inputs, self.features, 1, 'shortcut', train)
        return x + upsample_nearest(around)


class HalvingBlock(nn.Module):
    """Two 3x3 convolutions behind ReLUs, and a mean that may halve the side.

    Attributes:
        features: channels of the result.
        halves: whether the side is halved.
        rectified: whether the block begins with a ReLU, as all do but the first, which
            sees pixels.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Reference:
        Brock et al. (2019), Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, appendix B, https://arxiv.org/abs/1809.11096

    Example:
        >>> import jax, jax.numpy as jnp
        >>> maps, initialise = jnp.ones((2, 4, 4, 8)), HalvingBlock(6).init_with_output
        >>> jax.eval_shape(initialise, jax.random.key(0), maps)[0].shape
        (2, 2, 2, 6)
    """

    features: int
    halves: bool = True
    rectified: bool = True
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = orthogonal()

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the feature maps.

        Args:
            inputs: [batch, height, width, channel].
            train: whether the spectral norms move.

        Returns:
            [batch, height', width', features], of half the sides where it halves.
        """

        def pooled(x: Array) -> Array:
            return nn.avg_pool(x, (2, 2), strides=(2, 2)) if self.halves else x

        x = nn.relu(inputs) if self.rectified else inputs
        x = spectral_conv(self, x, self.features, 3, 'conv_0', train)
        x = spectral_conv(self, nn.relu(x), self.features, 3, 'conv_1', train)
        around = inputs
        if self.halves or inputs.shape[-1] != self.features:
            around = pooled(inputs)
            around = spectral_conv(self, around, self.features, 1, 'shortcut', train)
        return pooled(x) + around


def spectral_types(module: Any) -> dict[str, Any]:
    """Give the layers of a module its types and its initialiser.

    Args:
        module: with fields `dtype`, `param_dtype` and `kernel_init`.

    Returns:
        These, by name.

    Example:
        >>> sorted(spectral_types(HalvingBlock(6)))
        ['dtype', 'kernel_init', 'param_dtype']
    """
    return {
        'dtype': module.dtype,
        'param_dtype': module.param_dtype,
        'kernel_init': module.kernel_init,
    }


def spectral_conv(
    module: nn.Module, maps: Array, features: int, side: int, name: str, train: bool
) -> Array:
    """Convolve by weights that are divided by their spectral norm, inside a module.

    Args:
        module: in whose `__call__` this is, see `spectral_types`.
        maps: [batch, height, width, channel].
        features: channels of the result.
        side: of the kernel, an odd number; the edges are padded.
        name: of the layer.
        train: whether the spectral norm moves.

    Returns:
        [batch, height, width, features].
    """
    layer = Conv(
        features, (side, side), padding=side // 2, name=name, **spectral_types(module)
    )
    return constrained(layer, spectral=True, train=train)(maps)
