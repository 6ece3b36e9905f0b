"""Products of many rows, as compilers like them."""

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from dljax.types import Array

_PARTED = contextvars.ContextVar('parted', default=False)


@contextlib.contextmanager
def parted_batches(parted: bool = True) -> Iterator[None]:
    """Say that the batch of what is traced within lies on several devices.

    Args:
        parted: whether it does.
    """
    token = _PARTED.set(parted)
    try:
        yield
    finally:
        _PARTED.reset(token)


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


def dot_rows(
    lhs: Array, rhs: Array, dimension_numbers: tuple, **settings: Any
) -> Array:
    """Multiply as `jax.lax.dot_general` does, by rows where that is what is asked for.

    Args:
        lhs: [..., inputs].
        rhs: [inputs, features].
        dimension_numbers: as there; any other product than that of the last axis of
            `lhs` with a matrix is left to it.
        **settings: of it, such as `precision`.

    Returns:
        [..., features].

    Example:
        >>> import jax.numpy as jnp
        >>> last = ((2,), (0,)), ((), ())
        >>> dot_rows(jnp.ones((2, 4, 3)), jnp.ones((3, 5)), last).shape
        (2, 4, 5)
    """
    (contracted, others), (mapped, _) = dimension_numbers
    if mapped or tuple(contracted) != (lhs.ndim - 1,):
        return jax.lax.dot_general(lhs, rhs, dimension_numbers, **settings)
    numbers = ((1,), tuple(others)), ((), ())
    return by_rows(
        lambda rows: jax.lax.dot_general(rows, rhs, numbers, **settings), lhs
    )


def multiply_steps(steps: Array, kernel: Array, bias: Array | None = None) -> Array:
    """Multiply all steps of all sequences by a matrix.

    As `by_rows` does it, unless the batch lies on several devices: its axis is not the
    first one here, and would have to be collected to be joined with that of time.

    Args:
        steps: [time, batch, inputs].
        kernel: [inputs, features].
        bias: [features], which is added; None for none.

    Returns:
        [time, batch, features].

    Example:
        >>> import jax.numpy as jnp
        >>> multiply_steps(jnp.ones((4, 2, 3)), jnp.ones((3, 5)), jnp.ones(5)).shape
        (4, 2, 5)
    """

    def multiply(rows: Array) -> Array:
        products = rows @ kernel
        if bias is None:
            return products
        # A product as well: its gradient is one, which is faster than a sum.
        return products + jnp.ones((*rows.shape[:-1], 1), bias.dtype) @ bias[None]

    return multiply(steps) if _PARTED.get() else by_rows(multiply, steps)
