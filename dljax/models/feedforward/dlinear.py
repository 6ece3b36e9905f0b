"""A linear forecaster of a trend and of what is left of a series (U3.8)."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import ReversibleNorm, TimeDense
from dljax.models.settings import check_sizes
from dljax.types import Array


class DLinear(nn.Module):
    """Sum of a linear forecast of the trend and one of the rest.

    The trend is a moving average of the history, the rest what it leaves, see
    `split_trend`. Without a penalty two linear maps of them are no more than one of
    the history; they only come to it on another way.

    Attributes:
        horizon: steps to predict, at least 1.
        window: steps that are averaged, at least 1.
        per_channel: whether each channel has weights of its own.
        norm: what each window is normalised by; None for nothing.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a size below 1.

    Reference:
        Zeng et al. (2022), Are Transformers Effective for Time Series Forecasting?,
        https://arxiv.org/abs/2205.13504

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, history = DLinear(horizon=4), jnp.ones((2, 36, 3))
        >>> variables = net.init(jax.random.key(0), history)
        >>> print(net.apply(variables, history).shape)
        (2, 4, 3)
    """

    horizon: int = 96
    window: int = 25
    per_channel: bool = False
    norm: ReversibleNorm | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(horizon=self.horizon, window=self.window)

    def setup(self) -> None:
        """Make the layers."""
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.normal = self.norm and self.norm.clone(**types)
        self.trend, self.rest = (
            TimeDense(
                self.horizon, self.per_channel, kernel_init=self.kernel_init, **types
            )
            for _ in range(2)
        )

    def __call__(self, history: Array, *, train: bool = False) -> Array:
        """Forecast.

        Args:
            history: [batch, time, channel] float; always of the same length.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, horizon, channel].
        """
        if self.normal is None:
            return self.ahead(history)
        seen, scaling = self.normal(history)
        return scaling.restore(self.ahead(seen))

    def ahead(self, history: Array) -> Array:
        """Forecast what is normalised.

        Args:
            history: [batch, time, channel] float.

        Returns:
            [batch, horizon, channel].
        """
        trend, rest = split_trend(history, self.window)
        return self.trend(trend) + self.rest(rest)


def split_trend(series: Array, window: int) -> tuple[Array, Array]:
    """Split series into a moving average and what it leaves.

    Before the first step stands the first value again, behind the last one the last.

    Args:
        series: [batch, time, channel] float.
        window: steps that are averaged, at least 1; of an even number one more of them
            is behind a step than before it.

    Returns:
        The trend and the rest, whose sum is the series: [batch, time, channel] each.

    Example:
        >>> trend, rest = split_trend(jnp.array([[[0.], [3.], [6.], [0.]]]), window=3)
        >>> print(trend[0, :, 0], rest[0, :, 0])
        [1. 3. 3. 2.] [-1.  0.  3. -2.]
    """
    before = (window - 1) // 2
    padded = jnp.pad(
        series, ((0, 0), (before, window - 1 - before), (0, 0)), mode='edge'
    )
    # Differences from the first value, since a sum of large numbers is rounded.
    first = series[:, :1]
    trend = first + nn.avg_pool(padded - first, (window,), (1,), 'VALID')
    return trend, series - trend
