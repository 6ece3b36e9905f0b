"""The maxout layer: units that learn their activation."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.types import Array


class Maxout(nn.Module):
    """Units that take the maximum of several linear pieces, max_j (W_j x + b_j).

    A convex function of any form, made of lines. Good under dropout.

    Attributes:
        features: units.
        pieces: lines of each, at least 1; 1 is a linear layer.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for fewer than one unit or piece.

    Reference:
        Goodfellow et al. (2013), Maxout Networks, https://arxiv.org/abs/1302.4389

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, inputs = Maxout(3, pieces=5), jnp.ones((2, 4))
        >>> layer.apply(layer.init(jax.random.key(0), inputs), inputs).shape
        (2, 3)
    """

    features: int
    pieces: int = 2
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.features < 1 or self.pieces < 1:
            raise ValueError(
                f'features is {self.features} and pieces {self.pieces}, wanted at '
                'least 1 of each'
            )

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Compute the units.

        Args:
            inputs: [batch, ...] float; all but the last axis is kept.

        Returns:
            [batch, ..., features].
        """
        lines = nn.Dense(
            self.features * self.pieces,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=self.kernel_init,
            name='lines',
        )(inputs)
        return lines.reshape(*lines.shape[:-1], self.features, self.pieces).max(-1)
