"""What the recurrent layers share: one product for all inputs, and a loop over time."""

import math
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype

from dljax.kernels.rows import multiply_steps
from dljax.types import Array


def gate_parameters(
    layer: nn.Module, inputs: Array, gates: int, bias_init: Callable
) -> tuple[Array, Array, Array, Array]:
    """Make the parameters of a recurrent layer.

    They are `kernel` [inputs, gates * features], `recurrent_kernel` [features,
    gates * features] and `bias` [gates * features] of the calling layer.

    Args:
        layer: a recurrent layer, inside its compact method.
        inputs: [batch, time, inputs] float.
        gates: how many there are, each `features` wide.
        bias_init: initialiser of the bias.

    Returns:
        The inputs, kernel, recurrent kernel and bias, of the type of the computation.

    Raises:
        ValueError: if the inputs are no batch of sequences.
    """
    if inputs.ndim != 3:
        raise ValueError(
            f'{type(layer).__name__} got inputs of shape {inputs.shape}, wanted '
            '[batch, time, features]: add the missing axis'
        )
    width, dtype = layer.features, layer.param_dtype
    kernel = layer.param(
        'kernel', layer.kernel_init, (inputs.shape[-1], gates * width), dtype
    )
    recurrent = layer.param(
        'recurrent_kernel', by_gate(layer.recurrent_init, gates), (width, width), dtype
    )
    bias = layer.param('bias', bias_init, (gates * width,), dtype)
    inputs, kernel, recurrent, bias = promote_dtype(
        inputs, kernel, recurrent, bias, dtype=layer.dtype
    )
    return inputs, kernel, recurrent, bias


def gate_products(inputs: Array, kernel: Array, bias: Array) -> Array:
    """Multiply all steps by the input weights at once, outside the loop over time.

    Args:
        inputs: [batch, time, inputs].
        kernel: [inputs, gates * features].
        bias: [gates * features].

    Returns:
        [time, batch, gates * features], the products with the bias added.
    """
    chex.assert_rank(inputs, 3)
    inputs = jnp.swapaxes(inputs, 0, 1)
    return multiply_steps(inputs, kernel, bias)


def by_gate(initialise: Callable, gates: int) -> Callable:
    """Initialise the square recurrent matrix of each gate for itself, side by side."""

    def joined(key: Array, shape: tuple[int, int], dtype: jnp.dtype) -> Array:
        keys = jax.random.split(key, gates)
        wide = jnp.promote_types(dtype, jnp.float32)  # for what decomposes matrices
        parts = [initialise(k, shape, wide) for k in keys]
        return jnp.concatenate(parts, axis=1).astype(dtype)

    return joined


def first_carry(carry: Array | None, inputs: Array, features: int) -> Array:
    """Take a given carry, checked, or zeros.

    Args:
        carry: [batch, features]; None for zeros.
        inputs: [batch, ...], whose type the carry takes.
        features: the number of units.

    Returns:
        [batch, features].

    Raises:
        ValueError: for a carry of another shape.
    """
    shape = (inputs.shape[0], features)
    if carry is None:
        return jnp.zeros(shape, inputs.dtype)
    if carry.shape != shape:
        raise ValueError(
            f'the carry has shape {carry.shape}, wanted {shape}: one state for each '
            'sequence of the batch'
        )
    return carry.astype(inputs.dtype)


def check_features(features: int) -> None:
    """Refuse a layer without units."""
    if features < 1:
        raise ValueError(f'features is {features}, wanted at least 1')


def check_derivative_range(derivative_range: float | None) -> None:
    """Refuse a range that derivatives cannot be clipped to."""
    if derivative_range is not None and not 0 < derivative_range < math.inf:
        raise ValueError(
            f'derivative_range is {derivative_range}, wanted a finite number above 0, '
            'or None to clip no derivative'
        )
