"""Layers whose weights all learn at one rate, whatever their number of inputs."""

import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.typing import DTypeLike

from dljax.kernels.convolve import convolve
from dljax.types import Array


class EqualisedDense(nn.Module):
    r"""A dense layer with weights that are scaled when it is called.

    $y = λ (W^T x / \sqrt n + b)$ with weights of variance $1 / λ^2$ and n inputs. An
    optimizer that divides by the size of the gradient, as Adam, then moves the weights
    of wide and narrow layers alike, and those of this layer λ times as fast.

    Attributes:
        features: units.
        bias: what is added to begin with.
        multiplier: λ.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.

    Raises:
        ValueError: for fewer than one unit, or a multiplier that is not positive.

    Reference:
        Karras et al. (2018), Progressive Growing of GANs for Improved Quality,
        Stability, and Variation, section 4.1, https://arxiv.org/abs/1710.10196

    Example:
        >>> import jax
        >>> layer, x = EqualisedDense(3), jnp.ones((2, 4))
        >>> layer.init_with_output(jax.random.key(0), x)[0].shape
        (2, 3)
    """

    features: int
    bias: float = 0.0
    multiplier: float = 1.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.features < 1 or not self.multiplier > 0:
            raise ValueError(
                f'features is {self.features} and multiplier {self.multiplier}, wanted '
                'at least 1 and a positive number'
            )

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Compute the units.

        Args:
            inputs: [..., n].

        Returns:
            [..., features].
        """
        rate, shape = self.multiplier, (inputs.shape[-1], self.features)
        normal = nn.initializers.normal(1 / rate)
        start = nn.initializers.constant(self.bias / rate)
        kernel = self.param('kernel', normal, shape, self.param_dtype)
        bias = self.param('bias', start, shape[1:], self.param_dtype)
        inputs, kernel, bias = promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        scale = rate / inputs.shape[-1] ** 0.5
        axes = tuple(range(inputs.ndim - 1))
        return inputs @ (kernel * scale) + jnp.expand_dims(rate * bias, axes)


class EqualisedConv(nn.Module):
    r"""A convolution with weights that are scaled when it is called, by $1 / \sqrt n$.

    The edges are padded with zeros, so that the side stays, where the stride is 1.

    Attributes:
        features: channels of the result.
        kernel_size: height and width of the kernel, an odd number.
        stride: of a convolution that is not padded, if above 1.
        use_bias: whether a bias is added.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.

    Raises:
        ValueError: for a size below 1, or an even kernel.

    Reference:
        Karras et al. (2018), Progressive Growing of GANs for Improved Quality,
        Stability, and Variation, section 4.1, https://arxiv.org/abs/1710.10196

    Example:
        >>> import jax
        >>> layer, maps = EqualisedConv(3), jnp.ones((2, 4, 4, 5))
        >>> layer.init_with_output(jax.random.key(0), maps)[0].shape
        (2, 4, 4, 3)
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    use_bias: bool = True
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if min(self.features, self.stride) < 1 or self.kernel_size % 2 != 1:
            raise ValueError(
                f'features is {self.features}, stride {self.stride} and kernel_size '
                f'{self.kernel_size}, wanted at least 1, 1 and an odd number'
            )

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Compute the feature maps.

        Args:
            inputs: [batch, height, width, channel].

        Returns:
            [batch, height', width', features].
        """
        shape = (self.kernel_size,) * 2 + (inputs.shape[-1], self.features)
        normal = nn.initializers.normal(1.0)
        kernel = self.param('kernel', normal, shape, self.param_dtype)
        bias = None
        if self.use_bias:
            zeros = nn.initializers.zeros
            bias = self.param('bias', zeros, shape[-1:], self.param_dtype)
        inputs, kernel, bias = promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        edge = self.kernel_size // 2 if self.stride == 1 else 0
        scale = (self.kernel_size**2 * inputs.shape[-1]) ** -0.5
        maps = convolve(
            inputs,
            kernel * scale,
            (self.stride, self.stride),
            [(edge, edge), (edge, edge)],
        )
        return maps if bias is None else maps + bias[None, None, None, :]
