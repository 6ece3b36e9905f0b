"""A dense layer for sequences."""

from flax import linen as nn

from dljax.kernels.rows import by_rows
from dljax.types import Array


class Dense(nn.Dense):
    """Linen's `Dense` for sequences: the same results and parameters, faster on a CPU.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, inputs = Dense(4), jnp.ones((2, 5, 3))
        >>> outputs, variables = layer.init_with_output(jax.random.key(0), inputs)
        >>> outputs.shape, variables['params']['kernel'].shape
        ((2, 5, 4), (3, 4))
    """

    def __call__(self, inputs: Array) -> Array:
        """Compute x W + b.

        Args:
            inputs: [..., inputs] float.

        Returns:
            [..., features].
        """
        return by_rows(super().__call__, inputs)
