"""What the recurrent layers share: one product for all inputs, and a loop over time."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.types import Array, PyTree

Step = Callable[[PyTree, PyTree], tuple[PyTree, PyTree]]


def unroll(
    step: Step,
    carry: PyTree,
    inputs: PyTree,
    *,
    lengths: Array | None = None,
    reverse: bool = False,
) -> tuple[PyTree, PyTree]:
    """Apply a step along time, leaving the carry alone where a sequence has ended.

    Sequences are padded at their ends. In reverse the carry stays what it was until the
    last true step, so that padding changes nothing in either direction.

    Args:
        step: `(carry, input) -> (carry, output)` of one step, [batch, ...] each.
        carry: the first carry: arrays of [batch, ...].
        inputs: arrays of [time, batch, ...].
        lengths: [batch] integers, true steps of each sequence; None for all.
        reverse: whether time runs backwards. Outputs keep the order of the inputs.

    Returns:
        The carry after the last true step, and the outputs, arrays of [time, batch,
        ...], which are 0 in the padding.

    Example:
        >>> import jax.numpy as jnp
        >>> def add(total, x):
        ...     return total + x, total + x
        >>> lengths, first = jnp.array([3, 1]), jnp.zeros((2, 1))
        >>> total, sums = unroll(add, first, jnp.ones((3, 2, 1)), lengths=lengths)
        >>> print(total[:, 0], sums[:, 1, 0])
        [3. 1.] [1. 0. 0.]
    """
    if lengths is None:
        return jax.lax.scan(step, carry, inputs, reverse=reverse)
    valid = jnp.arange(len(jax.tree.leaves(inputs)[0]))[:, None] < lengths[None, :]

    def where(here: Array, new: Array, old: Array) -> Array:
        return jnp.where(jax.lax.expand_dims(here, range(1, new.ndim)), new, old)

    def masked(carry: PyTree, one: tuple[Array, PyTree]) -> tuple[PyTree, PyTree]:
        here, value = one
        moved, output = step(carry, value)
        carry = jax.tree.map(lambda new, old: where(here, new, old), moved, carry)
        zeros = jax.tree.map(jnp.zeros_like, output)
        return carry, jax.tree.map(functools.partial(where, here), output, zeros)

    return jax.lax.scan(masked, carry, (valid, inputs), reverse=reverse)


def shifted(values: Array, first: Array, lengths: Array | None, reverse: bool) -> Array:
    """Give what stood before each step: [time, batch, features].

    Args:
        values: [time, batch, features], what stands after each step.
        first: [batch, features], what stands before all.
        lengths: as of `unroll`.
        reverse: as of `unroll`.
    """
    first = first[None]
    if not reverse:
        return jnp.concatenate([first, values[:-1]])
    back = jnp.concatenate([values[1:], first])
    if lengths is None:
        return back
    inside = jnp.arange(1, len(values) + 1)[:, None, None] < lengths[None, :, None]
    return jnp.where(inside, back, first)


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
    return nn.dtypes.promote_dtype(inputs, kernel, recurrent, bias, dtype=layer.dtype)


def gate_products(inputs: Array, kernel: Array, bias: Array) -> Array:
    """Multiply all steps by the input weights at once, outside the loop over time.

    Args:
        inputs: [batch, time, inputs].
        kernel: [inputs, gates * features].
        bias: [gates * features].

    Returns:
        [time, batch, gates * features], the products with the bias added.
    """
    inputs = jnp.swapaxes(inputs, 0, 1)
    # A product as well: its gradient is one, which is faster than a sum over two axes.
    shifts = jnp.ones((*inputs.shape[:2], 1), bias.dtype) @ bias[None]
    return inputs @ kernel + shifts


def by_gate(initialise: Callable, gates: int) -> Callable:
    """Initialise the square recurrent matrix of each gate for itself, side by side."""

    def joined(key: Array, shape: tuple[int, int], dtype: jnp.dtype) -> Array:
        keys = jax.random.split(key, gates)
        wide = jnp.promote_types(dtype, jnp.float32)  # for what decomposes matrices
        parts = [initialise(k, shape, wide) for k in keys]
        return jnp.concatenate(parts, axis=1).astype(dtype)

    return joined


def first_carry(carry: Array | None, inputs: Array, features: int) -> Array:
    """Take a given carry, checked, or zeros: [batch, features]."""
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
