"""Optimization barriers for what the CPU's compiler would rather recompute.

It fuses a chain of operations on places into whatever reads the end of the chain, and
so computes it once for each reader: of a net of residual blocks, all blocks up to
the last convolution. It moves sums behind reshapes, and forms them on one core then.
"""

import jax
from jax.interpreters import ad

from dljax.kernels.convolution_form import BARRIERS_HOLD
from dljax.kernels.primitive import primitive
from dljax.types import Array


def _same(array: Array, **_: bool) -> Array:
    return array


def _held(array: Array, *, ahead: bool) -> Array:
    return jax.lax.optimization_barrier(array) if ahead and BARRIERS_HOLD else array


barrier_p = primitive('barrier', _same, _held, merges='all')
# Back, the gradient has a barrier whether or not the array has one.
ad.deflinear(barrier_p, lambda cotangent, **_: [barrier_p.bind(cotangent, ahead=True)])


def barrier(array: Array, *, ahead: bool = True) -> Array:
    """Put an optimization barrier behind an array and before its gradient, on a CPU.

    Under jit, vmap and derivatives of every order; on other backends it is nothing.

    Args:
        array: of any shape and type.
        ahead: whether the array has a barrier, or its gradient only.

    Returns:
        The array.

    Example:
        >>> import jax.numpy as jnp
        >>> print(barrier(jnp.array([1., 2.])))
        [1. 2.]
    """
    return barrier_p.bind(array, ahead=ahead)
