"""Targets that a loss has no meaning for give NaN, never a plausible number.

Inside a compiled step nothing can be raised, and an index out of range is wrapped or
clamped without a word: class -1 would be the last one. NaN stops the training.
"""

import jax
import jax.numpy as jnp

from dljax.types import Array

ROUNDING = 1e-5  # of a number that was in range before it was scaled or interpolated
WHOLE = (
    1e-2  # of a sum of probabilities, of which those of 16 bits are rounded coarsely
)


def nan_beyond(labels: Array, classes: int) -> Array:
    """Mark labels that stand for none of the classes.

    A product with it spoils the value and the derivative as well, but that of a number
    made of a flag, such as a one-hot code, does not: compiled, it is a choice between
    the other factor and 0.

    Args:
        labels: [...] integers.
        classes: how many there are.

    Returns:
        [...] float32: 1 for labels in [0, classes), else NaN.

    Example:
        >>> import jax.numpy as jnp
        >>> print(nan_beyond(jnp.array([-1, 0, 2]), 2))
        [nan  1. nan]
    """
    # A small type, such as uint8, need not hold the number of classes.
    labels = labels.astype(jnp.promote_types(labels.dtype, jnp.int32))
    return jnp.where((labels >= 0) & (labels < classes), 1.0, jnp.nan)


def in_unit_interval(values: Array) -> Array:
    """Tell which numbers are in [0, 1], but for rounding.

    Args:
        values: [...] float.

    Returns:
        [...] bool.
    """
    return (values >= -ROUNDING) & (values <= 1 + ROUNDING)


def expand(where: Array, values: Array) -> Array:
    """Give flags of the first axes of an array all its axes.

    Args:
        where: bool or 0/1, of the first axes of `values` (for instance [batch]).
        values: [batch, ...].

    Returns:
        bool, of the shape of `values`.

    Raises:
        ValueError: if `where` does not have the first axes of `values`.
    """
    where = jnp.asarray(where)
    if where.ndim == 0 or where.shape != values.shape[: where.ndim]:
        raise ValueError(
            f'where has shape {where.shape}, wanted the first axes of '
            f'{values.shape}: pass one flag an example or one a position'
        )
    where = jax.lax.expand_dims(where.astype(bool), range(where.ndim, values.ndim))
    return jnp.broadcast_to(where, values.shape)
