"""A dense layer along the time of each channel."""

import math

import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.types import Array


class TimeDense(nn.Module):
    """Map the steps of a series to others by weights that mix no channels (U3.8).

    y_{kc} = Σ_t x_{tc} w_{tk} + b_k, or with weights w_{ctk} and b_{ck} of each channel
    c. The parameters are `kernel` and `bias`.

    Attributes:
        steps: k, how many come out, at least 1.
        per_channel: whether each channel has weights of its own; else all share them.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for fewer than one step.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, series = TimeDense(4), jnp.ones((2, 10, 3))
        >>> outputs, variables = layer.init_with_output(jax.random.key(0), series)
        >>> outputs.shape, variables['params']['kernel'].shape
        ((2, 4, 3), (10, 4))
    """

    steps: int
    per_channel: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.steps < 1:
            raise ValueError(f'steps is {self.steps}, wanted at least 1')

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Compute.

        Args:
            inputs: [batch, time, channel] float; always of the same length.

        Returns:
            [batch, steps, channel].

        Raises:
            ValueError: for an input of another rank.
        """
        if inputs.ndim != 3:
            raise ValueError(
                f'the series have shape {inputs.shape}, wanted [batch, time, channel]'
            )
        _, time, channels = inputs.shape
        sets = (channels,) if self.per_channel else ()

        def draw(key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
            # One wide matrix, since an axis of sets would count as more inputs.
            wide = self.kernel_init(key, (time, math.prod(shape) // time), dtype)
            return jnp.moveaxis(wide.reshape(time, *sets, self.steps), 0, -2)

        kernel = self.param('kernel', draw, (*sets, time, self.steps), self.param_dtype)
        bias = self.param(
            'bias', nn.initializers.zeros, (*sets, self.steps), self.param_dtype
        )
        inputs, kernel, bias = promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        form = 'btc,ctk->bkc' if sets else 'btc,tk->bkc'
        bias = bias.T[None] if sets else bias[None, :, None]
        return jnp.einsum(form, inputs, kernel) + bias
