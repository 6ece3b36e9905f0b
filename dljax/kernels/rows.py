"""Products of many rows, as compilers like them."""

import math
from collections.abc import Callable

import jax.numpy as jnp

from dljax.types import Array


def by_rows(function: Callable[[Array], Array], values: Array) -> Array:
    """Apply a function of rows to arrays with any axes before the last.

    A compiler for CPUs multiplies two matrices well. Where the rows lie in two axes or
    more, the gradient of the weights is a sum over all of them, and XLA first copies
    what it is made of, slowly: a transformer's training step takes half as long again.

    Args:
        function: [rows, features] to [rows, ...], each row for itself.
        values: [..., features].

    Returns:
        [..., ...], what the function makes of each row.

    Example:
        >>> import jax.numpy as jnp
        >>> by_rows(lambda rows: rows @ jnp.ones((3, 5)), jnp.ones((2, 4, 3))).shape
        (2, 4, 5)
    """
    axes = values.shape[:-1]
    if len(axes) == 1:
        return function(values)
    made = function(values.reshape(math.prod(axes), values.shape[-1]))
    return made.reshape(*axes, *made.shape[1:])


def along_rows(row: Array, count: int) -> Array:
    """Repeat a row by a product, whose gradient is one and not a slow sum.

    Args:
        row: [features].
        count: of the rows.

    Returns:
        [count, features].

    Example:
        >>> import jax.numpy as jnp
        >>> print(along_rows(jnp.array([1., 2.]), 2))
        [[1. 2.]
         [1. 2.]]
    """
    return jnp.ones((count, 1), row.dtype) @ row[None]
