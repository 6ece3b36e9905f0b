"""A loop over time that leaves what has ended alone."""

import functools
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

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
    chex.assert_shape(lengths, jax.tree.leaves(inputs)[0].shape[1:2])
    chex.assert_type(lengths, int)
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


def delay(values: Array, first: Array, lengths: Array | None, reverse: bool) -> Array:
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
