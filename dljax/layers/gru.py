"""Gated recurrent unit."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.clip_derivative import clip_derivative
from dljax.kernels.state_scan import clipped_gru_scan, gru_scan
from dljax.kernels.unroll import unroll
from dljax.layers.recurrence import (
    check_derivative_range,
    check_features,
    first_carry,
    gate_parameters,
    gate_products,
)
from dljax.types import Array


class GRU(nn.Module):
    """Gated recurrent unit, with the reset gate after or before the product (U3.2).

    r, z = σ(W x + U h + b) of each, h_t = z ⊙ h_{t-1} + (1 - z) ⊙ h', where
    h' = tanh(W x + b + r ⊙ (U h + b_u)) with the reset after the product, as torch and
    cuDNN have it, or h' = tanh(W x + U (r ⊙ h) + b) with the reset before it, as the
    paper has it. The two are different functions. The columns of `kernel`,
    `recurrent_kernel` and `bias` are r, z, h' in this order; `recurrent_bias` is b_u
    [features], in the first form only.

    Attributes:
        features: the number of units, at least 1.
        reset_after: which form.
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
        ValueError: for fewer than one unit, or a range that is not above 0.

    Reference:
        Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder for
        Statistical Machine Translation, https://arxiv.org/abs/1406.1078; its z is the
        fraction that is kept, as here.
        Graves (2013), Generating Sequences With Recurrent Neural Networks,
        https://arxiv.org/abs/1308.0850; section 2.1, the derivative's range.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, inputs = GRU(features=8), jnp.ones((2, 5, 3))
        >>> (outputs, carry), _ = layer.init_with_output(jax.random.key(0), inputs)
        >>> print(outputs.shape, carry.shape)
        (2, 5, 8) (2, 8)
    """

    features: int
    reset_after: bool = True
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
    def carry_form(self) -> int:
        """Give the width of each array of the carry, in the form of the carry."""
        return self.features

    @nn.compact
    def __call__(
        self,
        inputs: Array,
        carry: Array | None = None,
        *,
        lengths: Array | None = None,
        reverse: bool = False,
    ) -> tuple[Array, Array]:
        """Run over the sequences.

        Args:
            inputs: [batch, time, inputs] float.
            carry: [batch, features] h_0; zeros by default.
            lengths: [batch] integers, true steps of each sequence; None for all.
            reverse: whether time runs backwards. Outputs keep the order of the inputs.

        Returns:
            The outputs h_t [batch, time, features], 0 in the padding, and the last
            h [batch, features].
        """
        width = self.features
        inputs, kernel, recurrent, bias = gate_parameters(
            self, inputs, 3, self.bias_init
        )
        products = gate_products(inputs, kernel, bias)
        first = first_carry(carry, inputs, width)
        if self.reset_after:
            bias = self.param(
                'recurrent_bias', self.bias_init, (width,), self.param_dtype
            ).astype(products.dtype)
            given = (products, recurrent, bias, first, lengths, reverse)
            if self.derivative_range is None:
                outputs, last = gru_scan(*given)
            else:
                outputs, last = clipped_gru_scan(*given, self.derivative_range)
            return jnp.swapaxes(outputs, 0, 1), last

        def before(hidden: Array, product: Array) -> tuple[Array, Array]:
            gates = product[:, : 2 * width] + hidden @ recurrent[:, : 2 * width]
            gates = jax.nn.sigmoid(clip_derivative(gates, self.derivative_range))
            reset, keep = jnp.split(gates, 2, axis=-1)
            inner = (reset * hidden) @ recurrent[:, 2 * width :]
            total = product[:, 2 * width :] + inner
            fresh = jnp.tanh(clip_derivative(total, self.derivative_range))
            hidden = keep * hidden + (1 - keep) * fresh
            return hidden, hidden

        last, outputs = unroll(
            before, first, products, lengths=lengths, reverse=reverse
        )
        return jnp.swapaxes(outputs, 0, 1), last
