"""Differences of numbers that lie close together, but far from 0."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dljax.types import Array

Numbers = Array | np.ndarray


def on_host(*arrays: Numbers) -> bool:
    """Tell whether to compute in NumPy: something is no JAX array, and none is traced.

    NumPy arrays may be float64 or int64, of which float32 would round away what the
    numbers differ by.

    Args:
        *arrays: of any shape, or anything that becomes an array.

    Returns:
        Whether all are known on the host and one of them came from there.

    Example:
        >>> on_host(np.zeros(2), jnp.zeros(2)), on_host(jnp.zeros(2))
        (True, False)
    """
    traced = any(isinstance(array, Tracer) for array in arrays)
    return not traced and any(not isinstance(array, jax.Array) for array in arrays)


def difference(first: Numbers, second: Numbers) -> Numbers:
    """Subtract before anything is rounded.

    Args:
        first: of any shape and type.
        second: [...] that broadcasts against `first`.

    Returns:
        NumPy float64 where `on_host` says so; else JAX float32, of integers too, which
        float32 alone would round before they are subtracted.

    Example:
        >>> print(difference(np.array([98_765_435.0]), np.array([98_765_432.0])))
        [3.]
        >>> print(difference(jnp.array([98_765_435]), jnp.array([98_765_432])))
        [3.]
    """
    if on_host(first, second):
        return np.asarray(first, np.float64) - np.asarray(second, np.float64)
    (first, low), (second, other) = _parts(first), _parts(second)
    coarse = first - second
    if low is None and other is None:
        return coarse
    return coarse + ((0.0 if low is None else low) - (0.0 if other is None else other))


def _parts(values: Numbers) -> tuple[Array, Array | None]:
    """Write an integer of 32 digits as a sum of two numbers in float32."""
    values = jnp.asarray(values)
    whole = jnp.issubdtype(values.dtype, jnp.integer) and values.dtype.itemsize >= 4
    if not whole:
        return values.astype(jnp.float32), None
    low = values & 0xFF
    return (values - low).astype(jnp.float32), low.astype(jnp.float32)
