"""The loop of an LSTM over time, with one product for the gradient of its weights."""

import functools
from typing import cast

import chex
import jax
import jax.numpy as jnp
import numpy as np

from dljax.kernels.clip_derivative import clip_derivative
from dljax.kernels.rows import multiply_steps
from dljax.kernels.unroll import delay, unroll
from dljax.types import Array

Carry = tuple[Array, Array]


@functools.partial(jax.custom_jvp, nondiff_argnums=(4,))
def lstm_scan(
    products: Array,
    recurrent: Array,
    carry: Carry,
    lengths: Array | None,
    reverse: bool,
) -> tuple[Array, Carry]:
    """Run the gates and states of an LSTM along time.

    Its derivative needs the product of tangents and recurrent weights inside the loop,
    but that of states and tangents of the weights for all steps at once. So, backwards,
    the gradient of the weights is one product and not a sum of many. Derivatives of
    every order exist in both modes.

    Args:
        products: [time, batch, 4 · features], the gates' sums but for the states, in
            the order input, forget, cell, output.
        recurrent: [features, 4 · features].
        carry: h_0 and c_0, [batch, features] each.
        lengths: [batch] integers, true steps of each sequence; None for all.
        reverse: whether time runs backwards; a Python bool.

    Returns:
        The outputs [time, batch, features], 0 in the padding, and the last carry.
    """
    (outputs, _, _), carry = _run(products, recurrent, carry, lengths, reverse)
    return outputs, carry


def clipped_lstm_scan(
    products: Array,
    recurrent: Array,
    carry: Carry,
    lengths: Array | None,
    reverse: bool,
    derivative_range: float,
) -> tuple[Array, Carry]:
    """Run an LSTM whose derivative is clipped at the gates' sums, at every step.

    Its gradient of the weights is a sum of many products, and there is no forward mode.

    Args:
        products: [time, batch, 4 · features], as of `lstm_scan`.
        recurrent: [features, 4 · features].
        carry: h_0 and c_0, [batch, features] each.
        lengths: [batch] integers, true steps of each sequence; None for all.
        reverse: whether time runs backwards; a Python bool.
        derivative_range: r; derivatives with respect to a sum stay within [-r, r].

    Returns:
        As of `lstm_scan`.
    """
    (outputs, _, _), carry = _run(
        products, recurrent, carry, lengths, reverse, derivative_range
    )
    return outputs, carry


def _run(
    products: Array,
    recurrent: Array,
    carry: Carry,
    lengths: Array | None,
    reverse: bool,
    derivative_range: float | None = None,
) -> tuple[tuple[Array, Array, Array], Carry]:
    """Give outputs, gates and cells of all steps, and the last carry."""
    batch, features = carry[0].shape
    chex.assert_shape(products, (None, batch, 4 * features))
    chex.assert_shape(recurrent, (features, 4 * features))
    chex.assert_equal_shape(carry)

    def step(carry: Carry, product: Array) -> tuple[Carry, tuple]:
        hidden, cell = carry
        sums = clip_derivative(product + hidden @ recurrent, derivative_range)
        gates = _activated(sums)
        take, keep, content, show = jnp.split(gates, 4, axis=-1)
        cell = keep * cell + take * content
        hidden = show * jnp.tanh(cell)
        return (hidden, cell), (hidden, gates, cell)

    carry, found = unroll(step, carry, products, lengths=lengths, reverse=reverse)
    return found, carry


@lstm_scan.defjvp
def _lstm_scan_jvp(reverse: bool, primals: tuple, tangents: tuple) -> tuple:
    products, recurrent, carry, lengths = primals
    products_dot, recurrent_dot, carry_dot, _ = tangents
    (outputs, gates, cells), last = _run(products, recurrent, carry, lengths, reverse)
    before = [
        delay(values, first, lengths, reverse)
        for values, first in zip((outputs, cells), carry, strict=True)
    ]
    take, keep, content, show = jnp.split(gates, 4, axis=-1)
    squashed = jnp.tanh(cells)
    factors = jnp.concatenate([content, before[1], take, squashed], axis=-1)
    factors = factors * _gate_derivatives(gates)
    through = show * (1 - squashed**2)
    sums = products_dot + multiply_steps(before[0], recurrent_dot)

    def step(carry: Carry, one: tuple) -> tuple[Carry, Array]:
        hidden, cell = carry
        total, factor, keep, through = one
        moved = (total + hidden @ recurrent) * factor
        take, kept, content, show = jnp.split(moved, 4, axis=-1)
        cell = keep * cell + (take + kept + content)
        hidden = show + through * cell
        return (hidden, cell), hidden

    along = (sums, factors, keep, through)
    last_dot, outputs_dot = unroll(
        step, carry_dot, along, lengths=lengths, reverse=reverse
    )
    return (outputs, last), (outputs_dot, last_dot)


def _affine(width: int) -> tuple[np.ndarray, np.ndarray]:
    """Give a and b with which the gates are a · tanh(a · x) + b."""
    scale = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), width // 4)
    return scale, (scale < 1).astype(np.float32) / 2


def _activated(sums: Array) -> Array:
    """Apply sigmoid, sigmoid, tanh and sigmoid as one function, which is faster."""
    scale, shift = _affine(sums.shape[-1])
    wide = sums.astype(jnp.promote_types(sums.dtype, jnp.float32))
    scale, shift = (x.astype(wide.dtype)[None] for x in (scale, shift))
    # NumPy's stubs do not know that JAX computes it.
    made = cast(Array, scale * jnp.tanh(scale * wide) + shift)
    return made.astype(sums.dtype)


def _gate_derivatives(gates: Array) -> Array:
    """Compute the derivatives of the gates: g (1 - g), and 1 - g² of the cell's."""
    _, shift = _affine(gates.shape[-1])
    return jnp.where(shift[None, None] > 0, gates, 1) - gates**2
