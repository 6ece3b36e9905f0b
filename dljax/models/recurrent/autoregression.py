"""Linear autoregression of several steps (U3.8)."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import Dense
from dljax.types import Array


class Autoregression(nn.Module):
    """Each step ahead is a linear function of the history, by weights of its own.

    ŷ_{t+k} = Σ_i w_{ki} y_{t-i} + b_k. The parameters are the group `output`, which
    `objectives.solve_readout` solves at once. It is the forecast that a net has to beat
    before its non-linearity is worth anything.

    Attributes:
        horizon: steps to predict, at least 1.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a horizon below 1.

    Reference:
        Yule (1927), On a Method of Investigating Periodicities in Disturbed Series,
        https://doi.org/10.1098/rsta.1927.0007
        Ben Taieb et al. (2012), A Review and Comparison of Strategies for Multi-Step
        Ahead Time Series Forecasting, https://arxiv.org/abs/1108.3259; weights for each
        step.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, history = Autoregression(horizon=4), jnp.ones((2, 10, 1))
        >>> variables = net.init(jax.random.key(0), history)
        >>> print(net.apply(variables, history).shape)
        (2, 4)
    """

    horizon: int = 24
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.horizon < 1:
            raise ValueError(f'horizon is {self.horizon}, wanted at least 1')

    def setup(self) -> None:
        """Make the layer."""
        self.output = Dense(
            self.horizon,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=self.kernel_init,
        )

    def __call__(self, history: Array, *, train: bool = False) -> Array:
        """Forecast.

        Args:
            history: [batch, time, 1] float, normalised; always of the same length.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, horizon].
        """
        return self.output(self.hidden(history))

    def hidden(self, history: Array) -> Array:
        """Give what the output reads, for a rule that solves it.

        Args:
            history: [batch, time, 1] float.

        Returns:
            [batch, time].
        """
        return history.reshape(history.shape[0], -1)
