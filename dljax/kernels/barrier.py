"""Where the CPU's compiler has to store what it would rather compute again.

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
# Back, the gradient is stored whether or not the array is.
ad.deflinear(barrier_p, lambda cotangent, **_: [barrier_p.bind(cotangent, ahead=True)])


def barrier(array: Array, *, ahead: bool = True) -> Array:
    """Give the array itself, which a CPU stores, and its gradient likewise.

    Under jit, vmap and derivatives of every order; on other backends it is nothing.

    Args:
        array: of any shape and type.
        ahead: whether the array is stored, or its gradient only.

    Returns:
        The array.

    Example:
        >>> import jax.numpy as jnp
        >>> print(barrier(jnp.array([1., 2.])))
        [1. 2.]
    """
    return barrier_p.bind(array, ahead=ahead)
