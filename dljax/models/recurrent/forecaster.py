"""Recurrent forecaster of several steps at once (U3.8)."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.checks import check_fractions
from dljax.layers.gru import GRU
from dljax.layers.recurrent_stack import RecurrentStack
from dljax.types import Array


class Forecaster(nn.Module):
    """An encoder over the history, and all steps of the horizon from its last state.

    With d_i = y_{t-i} - y_t, the history seen from its last value, the forecast is
    ŷ_{t+k} = y_t + Σ_i w_{ki} d_i + v_k · h, where h is the last state of recurrent
    layers that read d a segment at a time.

    - All steps at once, not one after the other: a decoder that feeds on its own
      forecasts carries each error on to the next step, is trained on other inputs than
      it meets, and takes `horizon` steps in turn. In return the horizon is fixed.
    - A segment of several values is one step of the recurrence: a week of hours is 14
      steps and not 168, so it is fast, and a gradient reaches the beginning.
    - Forecasts are relative to the last value, so that a trend that leads out of the
      range of the training does no harm.
    - The linear part (`highway`) lets the recurrent one learn only what is not linear.

    Attributes:
        horizon: steps to predict, at least 1.
        cell: the recurrent layer, `Elman`, `LSTM` or `GRU` with its settings.
        layers: how many, at least 1.
        segment: values that are read at a time, at least 1; of a history that is no
            multiple of it, the layers read the last whole segments.
        highway: whether there is the linear part.
        dropout: the probability in [0, 1) with which an output is dropped between two
            layers, and of the last state.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the output's weights; 0, so that a forecast begins
            at the last value.

    Raises:
        ValueError: for a size below 1 or a dropout out of range.

    Reference:
        Lin et al. (2023), SegRNN: Segment Recurrent Neural Network for Long-Term Time
        Series Forecasting, https://arxiv.org/abs/2308.11200; segments, all steps at
        once.
        Lai et al. (2018), Modeling Long- and Short-Term Temporal Patterns with Deep
        Neural Networks, https://arxiv.org/abs/1703.07015; the linear part.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, history = Forecaster(horizon=4), jnp.ones((2, 36, 1))
        >>> variables = net.init(jax.random.key(0), history)
        >>> print(net.apply(variables, history).shape)
        (2, 4)
    """

    horizon: int = 24
    cell: nn.Module = GRU(64)
    layers: int = 1
    segment: int = 12
    highway: bool = True
    dropout: float = 0.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        for name in ('horizon', 'segment', 'layers'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} is {getattr(self, name)}, wanted at least 1')
        check_fractions(dropout=self.dropout)

    @nn.compact
    def __call__(self, history: Array, *, train: bool = False) -> Array:
        """Forecast.

        Args:
            history: [batch, time, 1] float, normalised; always of the same length, of a
                segment at least.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, horizon].

        Raises:
            ValueError: for a history that is no batch of single series, or shorter than
                a segment.
        """
        if history.ndim != 3 or history.shape[2] != 1:
            raise ValueError(
                f'the history has shape {history.shape}, wanted [batch, time, 1]'
            )
        batch, time, _ = history.shape
        if time < self.segment:
            raise ValueError(
                f'a history of {time} steps does not hold a segment of {self.segment}: '
                'give a longer history, or shorter segments'
            )
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        # In the type of the input: far from 0 a shorter one would lose the differences.
        seen = (history - history[:, -1:])[..., 0]
        pieces = seen[:, time % self.segment :].reshape(batch, -1, self.segment)
        states, _ = RecurrentStack(
            self.cell, self.layers, dropout=self.dropout, name='encoder', **types
        )(pieces, train=train)
        state = nn.Dropout(self.dropout, deterministic=not train)(states[:, -1])
        ahead = nn.Dense(
            self.horizon, kernel_init=self.kernel_init, name='output', **types
        )(state)
        if self.highway:
            ahead = ahead + nn.Dense(
                self.horizon,
                use_bias=False,
                kernel_init=self.kernel_init,
                name='highway',
                **types,
            )(seen)
        return history[:, -1] + ahead
