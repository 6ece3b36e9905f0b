"""The trainable subsampling of the first convolutional networks."""

import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.pooling import sum_pool
from dljax.types import Array


class Subsampling(nn.Module):
    """Sum each window, times one coefficient and plus one bias for each feature map.

    Two parameters a map: `coefficient` and `bias`. With a small coefficient and a
    squashing function behind, the unit blurs; with a large one it is a noisy OR or AND.

    Attributes:
        window: height and width, and the stride in both.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        coefficient_init: initialiser of the coefficients; the reciprocal of the
            window's area makes it average pooling.
        bias_init: initialiser of the biases.

    Raises:
        ValueError: for a window below 1.

    Reference:
        LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition,
        section II.B, https://doi.org/10.1109/5.726791

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, x = Subsampling(), jnp.arange(4.).reshape(1, 2, 2, 1)
        >>> print(layer.init_with_output(jax.random.key(0), x)[0].item())
        1.5
    """

    window: tuple[int, int] = (2, 2)
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    coefficient_init: Initializer = nn.initializers.constant(0.25)
    bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if len(self.window) != 2 or min(self.window) < 1:
            raise ValueError(
                f'window is {self.window}, wanted a height and a width of at least 1'
            )

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Subsample.

        Args:
            inputs: [batch, height, width, maps] float.

        Returns:
            [batch, height // window, width // window, maps].
        """
        maps = (inputs.shape[-1],)
        coefficient = self.param(
            'coefficient', self.coefficient_init, maps, self.param_dtype
        )
        bias = self.param('bias', self.bias_init, maps, self.param_dtype)
        inputs, coefficient, bias = promote_dtype(
            inputs, coefficient, bias, dtype=self.dtype
        )
        sums = sum_pool(inputs, self.window, strides=self.window)
        return sums * coefficient.reshape(1, 1, 1, -1) + bias.reshape(1, 1, 1, -1)
