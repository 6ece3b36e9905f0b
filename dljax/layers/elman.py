"""The simple recurrent layer."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.clip_derivative import clip_derivative
from dljax.kernels.state_scan import DERIVATIVES, elman_scan
from dljax.kernels.unroll import unroll
from dljax.layers.activations import Activation, activate
from dljax.layers.recurrence import (
    check_derivative_range,
    check_features,
    first_carry,
    gate_parameters,
    gate_products,
)
from dljax.types import Array, Key


def identity(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> Array:
    """Initialise recurrent weights so that the state, left alone, stays what it is.

    Example:
        >>> import jax
        >>> print(identity(jax.random.key(0), (2, 2)))
        [[1. 0.]
         [0. 1.]]
    """
    del key  # nothing here is random
    return jnp.eye(*shape, dtype=dtype)


class Elman(nn.Module):
    """Simple recurrent layer (U3.1): a_t = φ(W_ax x_t + W_aa a_{t-1} + b_a).

    Parameters: `kernel` W_ax, `recurrent_kernel` W_aa, `bias` b_a. With
    `activation=jax.nn.relu` and `recurrent_init=identity` it is the IRNN.

    Attributes:
        features: the number of units, at least 1.
        activation: φ, a function.
        derivative_range: r, to which backpropagation through time clips each element of
            the derivative with respect to the sum that goes into φ, at every step; None
            clips nothing. The derivative is that of the loss as it stands, so the mean
            over a batch makes it small.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the input weights.
        recurrent_init: initialiser of the recurrent weights.
        bias_init: initialiser of the biases.

    Raises:
        ValueError: for fewer than one unit, or a range that is not above 0.

    Reference:
        Elman (1990), Finding Structure in Time,
        https://doi.org/10.1207/s15516709cog1402_1
        Le et al. (2015), A Simple Way to Initialize Recurrent Networks of Rectified
        Linear Units, https://arxiv.org/abs/1504.00941; the IRNN.
        Graves (2013), Generating Sequences With Recurrent Neural Networks,
        https://arxiv.org/abs/1308.0850; section 2.1, the derivative's range.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, inputs = Elman(features=8), jnp.ones((2, 5, 3))
        >>> (outputs, carry), _ = layer.init_with_output(jax.random.key(0), inputs)
        >>> print(outputs.shape, carry.shape)
        (2, 5, 8) (2, 8)
    """

    features: int
    activation: Activation = jnp.tanh
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
            carry: [batch, features] a_0; zeros by default.
            lengths: [batch] integers, true steps of each sequence; None for all.
            reverse: whether time runs backwards. Outputs keep the order of the inputs.

        Returns:
            The states a_t [batch, time, features], 0 in the padding, and the last
            state [batch, features].
        """
        inputs, kernel, recurrent, bias = gate_parameters(
            self, inputs, 1, self.bias_init
        )
        products = gate_products(inputs, kernel, bias)
        first = first_carry(carry, inputs, self.features)
        if self.activation in DERIVATIVES and self.derivative_range is None:
            states, last = elman_scan(
                self.activation, products, recurrent, first, lengths, reverse
            )
            return jnp.swapaxes(states, 0, 1), last

        def step(state: Array, product: Array) -> tuple[Array, Array]:
            total = clip_derivative(product + state @ recurrent, self.derivative_range)
            state = activate(self.activation, total)
            return state, state

        last, states = unroll(step, first, products, lengths=lengths, reverse=reverse)
        return jnp.swapaxes(states, 0, 1), last
