"""A convolution whose weights are scaled by a style, for each example anew."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.typing import DTypeLike

from dljax.kernels.convolve import convolve, convolve_transposed
from dljax.layers.equalised import EqualisedDense
from dljax.layers.smooth_resampling import blur
from dljax.types import Array

EPSILON = 1e-8


class ModulatedConv(nn.Module):
    r"""Convolve by $w''_{ijk} = w'_{ijk} / \sqrt{\sum_{i, k} w'^2_{ijk} + ε}$.

    $w'_{ijk} = s_i w_{ijk}$ are the weights of input channel i, output channel j and
    place k, modulated by the style's scale $s_i$. The division demodulates: it brings
    the outputs back to the deviation of the inputs, as if these were independent. For
    the weights of all examples are one but for the scales, the inputs are multiplied by
    s and the outputs divided instead, which is the same.

    Attributes:
        features: channels of the result.
        kernel_size: height and width of the kernel, an odd number.
        demodulate: whether the weights are divided.
        doubles: whether the side is doubled: a transposed convolution of stride 2, and
            a low-pass filter behind it.
        dtype: the type of the computation; None takes that of inputs and parameters.
            The division is computed in float32 at least.
        param_dtype: the type of the parameters.

    Raises:
        ValueError: for fewer than one channel, an even kernel, or one that doubles and
            is not 3x3.

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN,
        section 2.2, https://arxiv.org/abs/1912.04958

    Example:
        >>> maps, style = jnp.ones((2, 4, 4, 5)), jnp.ones((2, 6))
        >>> layer, key = ModulatedConv(3), jax.random.key(0)
        >>> made, _ = layer.init_with_output(key, maps, style)
        >>> made.shape
        (2, 4, 4, 3)
    """

    features: int
    kernel_size: int = 3
    demodulate: bool = True
    doubles: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        odd = self.kernel_size % 2 == 1
        if self.features < 1 or not odd or (self.doubles and self.kernel_size != 3):
            raise ValueError(
                f'features is {self.features}, kernel_size {self.kernel_size} and '
                f'doubles {self.doubles}, wanted at least 1, an odd number, and 3 '
                'where the side is doubled'
            )

    @nn.compact
    def __call__(self, inputs: Array, style: Array) -> Array:
        """Compute the feature maps.

        Args:
            inputs: [batch, height, width, channel].
            style: [batch, numbers].

        Returns:
            [batch, height', width', features], of the sides or twice the sides.
        """
        channels, k = inputs.shape[-1], self.kernel_size
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        scale = EqualisedDense(channels, bias=1.0, name='style', **types)(style)
        normal = nn.initializers.normal(1.0)
        shape = (k, k, channels, self.features)
        kernel = self.param('kernel', normal, shape, self.param_dtype)
        inputs, scale, kernel = promote_dtype(inputs, scale, kernel, dtype=self.dtype)
        kernel = kernel * (k * k * channels) ** -0.5
        maps = inputs * scale[:, None, None, :]
        if self.doubles:
            size = (2 * inputs.shape[1] + 1, 2 * inputs.shape[2] + 1)
            turned = kernel[::-1, ::-1].swapaxes(2, 3)
            edges = ((0, 0), (0, 0))
            maps = convolve_transposed(maps, turned, size, (2, 2), edges)
            maps = blur(maps, 1, 1, gain=4.0)
        else:
            edges = [(k // 2, k // 2)] * 2
            maps = convolve(maps, kernel, (1, 1), edges)
        if not self.demodulate:
            return maps
        kind = jnp.promote_types(kernel.dtype, jnp.float32)
        squares = jnp.square(kernel.astype(kind)).sum((0, 1))
        power = jnp.square(scale.astype(kind)) @ squares
        divided = jax.lax.rsqrt(power + EPSILON).astype(maps.dtype)
        return maps * divided[:, None, None, :]
