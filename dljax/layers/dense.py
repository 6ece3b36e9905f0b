"""A dense layer for sequences."""

from collections.abc import Callable

from flax import linen as nn

from dljax.kernels.rows import dot_rows
from dljax.types import Array


class Dense(nn.Dense):
    """Linen's `Dense` for sequences: the same results and parameters, faster on a CPU.

    Attributes:
        dot_general: how inputs and weights are multiplied; see `dot_rows`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, inputs = Dense(4), jnp.ones((2, 5, 3))
        >>> outputs, variables = layer.init_with_output(jax.random.key(0), inputs)
        >>> outputs.shape, variables['params']['kernel'].shape
        ((2, 5, 4), (3, 4))
    """

    dot_general: Callable[..., Array] | None = dot_rows
