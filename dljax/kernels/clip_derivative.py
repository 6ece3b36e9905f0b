"""The identity, with a derivative that is clipped on its way back."""

import functools

import jax
import jax.numpy as jnp

from dljax.types import Array


def clip_derivative(values: Array, derivative_range: float | None) -> Array:
    """Give the values as they are, and clip the derivative with respect to them.

    Backwards, each element of the cotangent is clipped to [-r, r], where r is the
    range. Under jit, vmap and reverse mode, once or again; there is no forward mode.

    Args:
        values: [...] float.
        derivative_range: r > 0; None clips nothing.

    Returns:
        [...], the values.

    Reference:
        Graves (2013), Generating Sequences With Recurrent Neural Networks,
        https://arxiv.org/abs/1308.0850; section 2.1, with respect to the sums that go
        into the sigmoid and tanh of an LSTM.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> print(jax.grad(lambda x: 5 * clip_derivative(x, 2.0))(1.0))
        2.0
    """
    return values if derivative_range is None else _clipped(derivative_range, values)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _clipped(derivative_range: float, values: Array) -> Array:
    return values


def _forward(derivative_range: float, values: Array) -> tuple[Array, None]:
    return values, None


def _backward(derivative_range: float, _: None, cotangent: Array) -> tuple[Array]:
    return (jnp.clip(cotangent, -derivative_range, derivative_range),)


_clipped.defvjp(_forward, _backward)
