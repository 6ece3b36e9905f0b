"""Linear forecasters of several channels (U3.8)."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import ReversibleNorm, TimeDense
from dljax.models.settings import check_sizes, settings_of
from dljax.types import Array


class LinearForecaster(nn.Module):
    """Each step ahead of a channel is a linear function of that channel's history.

    ŷ_{t+k} = Σ_i w_{ki} y_{t-i} + b_k, the same weights for all channels or a set for
    each. No channel reads another.

    Attributes:
        horizon: steps to predict, at least 1.
        per_channel: whether each channel has weights of its own.
        norm: what each window is normalised by; None for nothing.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights; 0, where a descent to the solution
            begins as well as anywhere, since there is one.

    Raises:
        ValueError: for a horizon below 1.

    Reference:
        Zeng et al. (2022), Are Transformers Effective for Time Series Forecasting?,
        https://arxiv.org/abs/2205.13504

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, history = LinearForecaster(horizon=4), jnp.ones((2, 36, 3))
        >>> variables = net.init(jax.random.key(0), history)
        >>> print(net.apply(variables, history).shape)
        (2, 4, 3)
    """

    horizon: int = 96
    per_channel: bool = False
    norm: ReversibleNorm | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(horizon=self.horizon)

    def setup(self) -> None:
        """Make the layers."""
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.normal = self.norm and self.norm.clone(**types)
        self.output = TimeDense(
            self.horizon, self.per_channel, kernel_init=self.kernel_init, **types
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
            return self.output(history)
        seen, scaling = self.normal(history)
        return scaling.restore(self.output(seen))


@settings_of(LinearForecaster, 'norm')
def nlinear(**settings: Any) -> LinearForecaster:
    """Make NLinear: linear in the differences from the last value.

    What is added to a channel is added to its forecast.

    Args:
        **settings: the other attributes of `LinearForecaster`.

    Returns:
        The net.

    Raises:
        ValueError: for a horizon below 1.

    Reference:
        Zeng et al. (2022), Are Transformers Effective for Time Series Forecasting?,
        https://arxiv.org/abs/2205.13504

    Example:
        >>> nlinear(horizon=4).norm.centre
        'last'
    """
    norm = ReversibleNorm('last', scaled=False, affine=False, parent=None)
    return LinearForecaster(norm=norm, **settings)
