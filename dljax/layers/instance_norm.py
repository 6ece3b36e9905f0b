"""Instance normalisation in a form that is fast on a CPU too."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.barrier import barrier
from dljax.types import Array


class InstanceNorm(nn.Module):
    r"""Normalise each channel of each example: $y = γ (x - μ) / \sqrt{σ^2 + ε} + β$.

    What `nn.InstanceNorm(use_fast_variance=False)` computes, from parameters of the
    same names, on [batch, places, channel], as `BatchNorm` does it on rows: XLA's CPU
    backend adds up feature maps place by place.

    Attributes:
        epsilon: ε.
        scaled: whether there are γ and β; else they are 1 and 0.
        dtype: the type of the result; statistics are float32 at least.
        param_dtype: the type of scale and shift.
        scale_init: initialiser of γ.

    Reference:
        Ulyanov et al. (2016), Instance Normalization: The Missing Ingredient for Fast
        Stylization, https://arxiv.org/abs/1607.08022

    Example:
        >>> import jax, jax.numpy as jnp
        >>> x = jnp.array([[[1.], [3.]], [[0.], [8.]]])
        >>> y, _ = InstanceNorm().init_with_output(jax.random.key(0), x)
        >>> print(y[..., 0].round(2).tolist())
        [[-1.0, 1.0], [-1.0, 1.0]]
    """

    epsilon: float = 1e-5
    scaled: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    scale_init: Initializer = nn.initializers.ones

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Normalise each channel of each example.

        Args:
            inputs: [batch, ..., channel].

        Returns:
            [batch, ..., channel].
        """
        channels = inputs.shape[-1]
        wide = jnp.promote_types(inputs.dtype, jnp.float32)
        places = barrier(inputs.reshape(inputs.shape[0], -1, channels).astype(wide))
        centred = places - places.mean(1, keepdims=True)
        variance = (centred**2).mean(1, keepdims=True)
        outputs = centred * jax.lax.rsqrt(variance + self.epsilon)
        found = inputs.dtype
        if self.scaled:
            shape = (channels,)
            scale = self.param('scale', self.scale_init, shape, self.param_dtype)
            shift = self.param('bias', nn.initializers.zeros, shape, self.param_dtype)
            outputs = outputs * scale[None, None] + shift[None, None]
            found = jnp.result_type(inputs, scale, shift)
        outputs = barrier(outputs, ahead=False).reshape(inputs.shape)
        return outputs.astype(self.dtype or found)
