"""The derivative of each activation, written out.

The library differentiates by itself; these serve the hand-written backward pass, the
plots, and the tests that hold the two against each other.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from dljax.layers.activations import binary_step, leaky_relu_tenth, prelu, scaled_tanh
from dljax.types import Array

Function = Callable[[Array], Array]


def _sigmoid(x: Array) -> Array:
    s = jax.nn.sigmoid(x)
    return s * (1 - s)


def _gelu(x: Array) -> Array:
    # Of the tanh form, which jax.nn.gelu computes unless told otherwise.
    scale, cubic = math.sqrt(2 / math.pi), 0.044715
    t = jnp.tanh(scale * (x + cubic * x**3))
    inner = scale * (1 + 3 * cubic * x**2)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner


def _selu(x: Array) -> Array:
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * jnp.where(x > 0, 1.0, alpha * jnp.exp(jnp.minimum(x, 0.0)))


def _silu(x: Array) -> Array:
    s = jax.nn.sigmoid(x)
    return s * (1 + x * (1 - s))


def _softmax(x: Array) -> Array:
    p = jax.nn.softmax(x)
    across = jax.lax.expand_dims(jnp.eye(x.shape[-1], dtype=p.dtype), range(x.ndim - 1))
    return p[..., :, None] * (across - p[..., None, :])


def _slope(low: float) -> Function:
    return lambda x: jnp.where(x > 0, 1.0, low).astype(x.dtype)


_DERIVATIVES: dict[Function, Function] = {
    binary_step: jnp.zeros_like,
    jax.nn.identity: jnp.ones_like,
    jax.nn.sigmoid: _sigmoid,
    jax.nn.tanh: lambda x: 1 - jnp.tanh(x) ** 2,
    jax.nn.relu: _slope(0.0),
    leaky_relu_tenth: _slope(0.1),
    prelu: _slope(0.25),
    jax.nn.elu: lambda x: jnp.exp(jnp.minimum(x, 0.0)),
    jax.nn.selu: _selu,
    jax.nn.gelu: _gelu,
    jax.nn.silu: _silu,
    jax.nn.softmax: _softmax,
    scaled_tanh: lambda x: 1.7159 * 2 / 3 * (1 - jnp.tanh(x * 2 / 3) ** 2),
}
ACTIVATIONS: tuple[Function, ...] = tuple(_DERIVATIVES)


def derivative(activation: Function) -> Function:
    """Give the derivative of an activation as a function of its input.

    At a kink, where there is none, it is the one from the left, as JAX has it for the
    ReLU.

    Args:
        activation: one of `ACTIVATIONS`: binary_step, leaky_relu_tenth, prelu (at its
            first slope) and scaled_tanh of this package, and identity, sigmoid, tanh,
            relu, elu, selu, gelu, silu and softmax of `jax.nn`.

    Returns:
        A function of [...] that returns [...], the derivative at each place; for
        softmax [..., classes] to the Jacobian [..., classes, classes],
        p_i (δ_ij - p_j).

    Raises:
        ValueError: for an activation that is not among these.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> print(derivative(jax.nn.sigmoid)(jnp.array([0.])))
        [0.25]
    """
    if activation not in _DERIVATIVES:
        known = ', '.join(sorted(f.__name__ for f in ACTIVATIONS))
        raise ValueError(
            f'no derivative is written out for {activation!r}; there is one for '
            f'{known}: for others use jax.grad'
        )
    return _DERIVATIVES[activation]
