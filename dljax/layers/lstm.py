"""Long short-term memory."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.cudnn_lstm import cudnn_lstm
from dljax.kernels.lstm_scan import clipped_lstm_scan, lstm_scan
from dljax.layers.recurrence import (
    check_derivative_range,
    check_features,
    first_carry,
    gate_parameters,
    gate_products,
)
from dljax.types import Array, Key

LSTMCarry = tuple[Array, Array]


class LSTM(nn.Module):
    """Long short-term memory with input, forget and output gate (U3.2).

    i, f, o = σ(W x + U h + b) of each, g = tanh(W x + U h + b),
    c_t = f ⊙ c_{t-1} + i ⊙ g, h_t = o ⊙ tanh(c_t). The columns of `kernel`,
    `recurrent_kernel` and `bias` are i, f, g, o in this order. One bias stands where
    torch has two, which it adds.

    Attributes:
        features: the number of units, at least 1.
        forget_bias: added to the forget gate's bias at the start, so that the memory
            is kept until something else is learned.
        cudnn: whether cuDNN runs the loop over time, on NVIDIA GPUs only; for
            sequences of at least one step, without vmap and second derivatives. The
            parameters are the same. It is left aside where `derivative_range` is set.
        derivative_range: r, to which backpropagation through time clips each element of
            the derivative with respect to the gates' sums, at every step; None clips
            nothing. The derivative is that of the loss as it stands, so the mean over a
            batch makes it small.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the input weights.
        recurrent_init: initialiser of the recurrent weights, for each gate.
        bias_init: initialiser of the biases.

    Raises:
        ValueError: for fewer than one unit, a range that is not above 0, or for cudnn
            where it cannot run.

    Reference:
        Hochreiter, Schmidhuber (1997), Long Short-Term Memory,
        https://doi.org/10.1162/neco.1997.9.8.1735
        Gers et al. (2000), Learning to Forget: Continual Prediction with LSTM,
        https://doi.org/10.1162/089976600300015015; the forget gate.
        Jozefowicz et al. (2015), An Empirical Exploration of Recurrent Network
        Architectures, https://proceedings.mlr.press/v37/jozefowicz15.html; the forget
        gate's bias of 1.
        Graves (2013), Generating Sequences With Recurrent Neural Networks,
        https://arxiv.org/abs/1308.0850; section 2.1, the derivative's range.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, inputs = LSTM(features=8), jnp.ones((2, 5, 3))
        >>> (outputs, (h, c)), _ = layer.init_with_output(jax.random.key(0), inputs)
        >>> print(outputs.shape, h.shape, c.shape)
        (2, 5, 8) (2, 8) (2, 8)
    """

    features: int
    forget_bias: float = 1.0
    cudnn: bool = False
    derivative_range: float | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()
    recurrent_init: Initializer = nn.initializers.orthogonal()
    bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_features(self.features)
        check_derivative_range(self.derivative_range)

    @nn.nowrap
    def carry_form(self) -> tuple[int, int]:
        """Give the width of each array of the carry, in the form of the carry."""
        return self.features, self.features

    @nn.compact
    def __call__(
        self,
        inputs: Array,
        carry: LSTMCarry | None = None,
        *,
        lengths: Array | None = None,
        reverse: bool = False,
    ) -> tuple[Array, LSTMCarry]:
        """Run over the sequences.

        Args:
            inputs: [batch, time, inputs] float.
            carry: h_0 and c_0, [batch, features] each; zeros by default.
            lengths: [batch] integers, true steps of each sequence; None for all.
            reverse: whether time runs backwards. Outputs keep the order of the inputs.

        Returns:
            The outputs h_t [batch, time, features], 0 in the padding, and the last
            (h, c), [batch, features] each.
        """
        inputs, kernel, recurrent, bias = gate_parameters(
            self, inputs, 4, self._init_bias
        )
        hidden, cell = (None, None) if carry is None else carry
        first = (
            first_carry(hidden, inputs, self.features),
            first_carry(cell, inputs, self.features),
        )
        if self.cudnn and self.derivative_range is None:
            return cudnn_lstm(inputs, kernel, recurrent, bias, first, lengths, reverse)
        products = gate_products(inputs, kernel, bias)
        given = (products, recurrent, first, lengths, reverse)
        if self.derivative_range is None:
            outputs, last = lstm_scan(*given)
        else:
            outputs, last = clipped_lstm_scan(*given, self.derivative_range)
        return jnp.swapaxes(outputs, 0, 1), last

    def _init_bias(self, key: Key, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        bias = self.bias_init(key, shape, dtype)
        width = self.features
        return bias.at[width : 2 * width].add(self.forget_bias)
