"""Loops over time of one state, with one product for the gradient of their weights.

The derivative of a loop needs the product of the state's tangent and the recurrent
weights inside, but that of states and tangents of the weights for all steps at once.
So, backwards, the gradient of the weights is one product and not a sum of many.
Derivatives of every order exist in both modes.
"""

import functools
from collections.abc import Callable
from typing import cast

import chex
import jax
import jax.numpy as jnp

from dljax.kernels.clip_derivative import clip_derivative
from dljax.kernels.rows import multiply_steps
from dljax.kernels.unroll import delay, unroll
from dljax.types import Array

# Activations whose derivative is known from what they give, by which it is computed.
DERIVATIVES = {
    jnp.tanh: lambda given: 1 - given**2,
    jax.nn.relu: lambda given: (given > 0).astype(given.dtype),
}


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 5))
def elman_scan(
    activation: Callable[[Array], Array],
    products: Array,
    recurrent: Array,
    carry: Array,
    lengths: Array | None,
    reverse: bool,
) -> tuple[Array, Array]:
    """Run the states of a simple recurrent layer along time.

    Args:
        activation: one of `DERIVATIVES`.
        products: [time, batch, features], the sums but for the states.
        recurrent: [features, features].
        carry: [batch, features] the first state.
        lengths: [batch] integers, true steps of each sequence; None for all.
        reverse: whether time runs backwards; a Python bool.

    Returns:
        The states [time, batch, features], 0 in the padding, and the last state.
    """
    batch, width = carry.shape
    chex.assert_shape(products, (None, batch, width))
    chex.assert_shape(recurrent, (width, width))

    def step(state: Array, product: Array) -> tuple[Array, Array]:
        state = activation(product + state @ recurrent)
        return state, state

    carry, states = unroll(step, carry, products, lengths=lengths, reverse=reverse)
    return states, carry


@elman_scan.defjvp
def _elman_scan_jvp(
    activation: Callable, reverse: bool, primals: tuple, tangents: tuple
) -> tuple:
    products, recurrent, carry, lengths = primals
    products_dot, recurrent_dot, carry_dot, _ = tangents
    states, last = elman_scan(activation, products, recurrent, carry, lengths, reverse)
    before = delay(states, carry, lengths, reverse)
    derivatives = DERIVATIVES[activation](states)
    given = derivatives * (products_dot + _products(before, recurrent_dot))
    moved = _moved(None, derivatives, given, recurrent, carry_dot, lengths, reverse)
    return (states, last), moved


@functools.partial(jax.custom_jvp, nondiff_argnums=(5,))
def gru_scan(
    products: Array,
    recurrent: Array,
    bias: Array,
    carry: Array,
    lengths: Array | None,
    reverse: bool,
) -> tuple[Array, Array]:
    """Run a gated recurrent unit, with the reset after the product, along time.

    Args:
        products: [time, batch, 3 · features], the sums but for the states, in the order
            reset, keep, fresh.
        recurrent: [features, 3 · features].
        bias: [features], added to the product of state and weights that is reset.
        carry: [batch, features] the first state.
        lengths: [batch] integers, true steps of each sequence; None for all.
        reverse: whether time runs backwards; a Python bool.

    Returns:
        The states [time, batch, features], 0 in the padding, and the last state.
    """
    (states, *_), carry = _run_gru(products, recurrent, bias, carry, lengths, reverse)
    return states, carry


def clipped_gru_scan(
    products: Array,
    recurrent: Array,
    bias: Array,
    carry: Array,
    lengths: Array | None,
    reverse: bool,
    derivative_range: float,
) -> tuple[Array, Array]:
    """Run a GRU whose derivative is clipped at the gates' sums, at every step.

    Its gradient of the weights is a sum of many products, and there is no forward mode.

    Args:
        products: [time, batch, 3 · features], as of `gru_scan`.
        recurrent: [features, 3 · features].
        bias: [features], added to the product of state and weights that is reset.
        carry: [batch, features] the first state.
        lengths: [batch] integers, true steps of each sequence; None for all.
        reverse: whether time runs backwards; a Python bool.
        derivative_range: r; derivatives with respect to a sum stay within [-r, r].

    Returns:
        As of `gru_scan`.
    """
    (states, *_), carry = _run_gru(
        products, recurrent, bias, carry, lengths, reverse, derivative_range
    )
    return states, carry


def _run_gru(
    products: Array,
    recurrent: Array,
    bias: Array,
    carry: Array,
    lengths: Array | None,
    reverse: bool,
    derivative_range: float | None = None,
) -> tuple[tuple[Array, ...], Array]:
    """Give states, gates, inner sums and fresh contents of all steps, and the last."""
    batch, width = carry.shape
    chex.assert_shape(products, (None, batch, 3 * width))
    chex.assert_shape(recurrent, (width, 3 * width))
    chex.assert_shape(bias, (width,))

    def step(state: Array, product: Array) -> tuple[Array, tuple]:
        sums = state @ recurrent
        total = product[:, : 2 * width] + sums[:, : 2 * width]
        gates = jax.nn.sigmoid(clip_derivative(total, derivative_range))
        reset, keep = jnp.split(gates, 2, axis=-1)
        inner = sums[:, 2 * width :] + bias[None]
        total = product[:, 2 * width :] + reset * inner
        fresh = jnp.tanh(clip_derivative(total, derivative_range))
        state = keep * state + (1 - keep) * fresh
        return state, (state, gates, inner, fresh)

    carry, found = unroll(step, carry, products, lengths=lengths, reverse=reverse)
    return found, carry


@gru_scan.defjvp
def _gru_scan_jvp(reverse: bool, primals: tuple, tangents: tuple) -> tuple:
    products, recurrent, bias, carry, lengths = primals
    products_dot, recurrent_dot, bias_dot, carry_dot, _ = tangents
    found, last = _run_gru(products, recurrent, bias, carry, lengths, reverse)
    states, gates, inner, fresh = found
    before = delay(states, carry, lengths, reverse)
    reset, keep = jnp.split(gates, 2, axis=-1)
    to_fresh = (1 - keep) * (1 - fresh**2)
    to_gates = jnp.concatenate([to_fresh * inner, before - fresh], axis=-1)
    to_gates = to_gates * gates * (1 - gates)
    derivatives = jnp.concatenate([to_gates, to_fresh * reset], axis=-1)
    to_products = jnp.concatenate([to_gates, to_fresh], axis=-1)
    shift = jnp.ones((*before.shape[:2], 1), bias_dot.dtype) @ bias_dot[None]
    given = _over_gates(
        to_products * products_dot + derivatives * _products(before, recurrent_dot),
        len(bias),
    )
    given = given + to_fresh * reset * shift
    moved = _moved(keep, derivatives, given, recurrent, carry_dot, lengths, reverse)
    return (states, last), moved


def _moved(
    keep: Array | None,
    derivatives: Array,
    given: Array,
    recurrent: Array,
    carry: Array,
    lengths: Array | None,
    reverse: bool,
) -> tuple[Array, Array]:
    """Run the tangents of the state along time.

    Args:
        keep: [time, batch, features], the state's own part of the next; None for 0.
        derivatives: [time, batch, gates · features], of the next state to the products
            of state and weights.
        given: [time, batch, features], what else moves the next state.
        recurrent: [features, gates · features].
        carry: [batch, features], of the first state.
        lengths: as of the loop.
        reverse: as of the loop.

    Returns:
        Those of all states, and of the last.
    """

    def step(state: Array, one: tuple) -> tuple[Array, Array]:
        keep, derivative, total = one
        total = total + _over_gates(derivative * (state @ recurrent), state.shape[-1])
        state = total if keep is None else total + keep * state
        return state, state

    along = (keep, derivatives, given)
    last, moved = unroll(step, carry, along, lengths=lengths, reverse=reverse)
    return moved, last


def _products(states: Array, weights: Array) -> Array:
    return multiply_steps(states, weights)


def _over_gates(values: Array, width: int) -> Array:
    """Add up the parts of the gates: [..., gates · width] to [..., width]."""
    parts = jnp.split(values, values.shape[-1] // width, axis=-1)
    return cast(Array, sum(parts))  # of one or more
