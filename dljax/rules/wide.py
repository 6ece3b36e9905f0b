"""Rules that are computed in float64, wherever the rest of a step is not."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dljax.types import Array, PyTree


def in_float64(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """Let a function compute in float64 and round its results to float32.

    It may be called compiled, mapped, or both: the context that makes wide types
    possible is entered whenever the function is traced, and mapped arguments come one
    after the other. That also keeps two decompositions from running at once, which can
    wait for each other for ever in the thread pool of a CPU. It has no derivative.

    Args:
        function: of arrays; integers stay as they are.

    Returns:
        The same function: of JAX arrays as they are, or of NumPy arrays whose float64
        is kept, with floats of float32 in its result.

    Example:
        >>> import numpy as np
        >>> far = np.array([98_765_431.0, 98_765_433.0])
        >>> print(in_float64(lambda x: x.var())(far), jnp.float32(far).var())
        1.0 0.0
    """

    def run(*arrays: Array) -> PyTree:
        with jax.enable_x64(True):
            return jax.tree.map(_narrow, function(*map(_wide, arrays)))

    mapped = jax.custom_batching.sequential_vmap(run)

    def call(*arrays: Array) -> PyTree:
        known = not any(isinstance(array, jax.Array) for array in arrays)
        return (run if known else mapped)(*arrays)

    return call


def cholesky(matrix: Array) -> Array:
    """Decompose a positive definite matrix of float64 on any chip.

    The compiler of a TPU has no decomposition of float64 over a mesh: there it goes
    column by column.

    Args:
        matrix: [n, n], symmetric.

    Returns:
        [n, n] its lower triangle L with L Lᵀ the matrix, not finite where there is
        none.
    """
    return jax.lax.platform_dependent(
        matrix, tpu=cholesky_by_columns, default=jnp.linalg.cholesky
    )


def cholesky_by_columns(matrix: Array) -> Array:
    """Decompose without a library of the chip; as `cholesky`.

    Args:
        matrix: [n, n], symmetric.

    Returns:
        [n, n] its lower triangle.
    """
    size = len(matrix)

    def column(j: Array, factor: Array) -> Array:
        before = jnp.matmul(factor, factor[j], precision=jax.lax.Precision.HIGHEST)
        rest = jnp.where(jnp.arange(size) < j, 0.0, matrix[:, j] - before)
        return factor.at[:, j].set(rest / jnp.sqrt(rest[j]))

    return jax.lax.fori_loop(0, size, column, jnp.zeros_like(matrix))


def _wide(values: Any) -> Array:
    values = jnp.asarray(values)
    real = jnp.issubdtype(values.dtype, jnp.floating)
    return values.astype(jnp.float64) if real else values


def _narrow(values: Array) -> Array:
    real = jnp.issubdtype(values.dtype, jnp.floating)
    return values.astype(jnp.float32) if real else values
