"""What every loss shares: equal shapes in, one float32 value per example out."""

import math
from collections.abc import Callable

import jax.numpy as jnp

from dljax.losses.meaning import expand
from dljax.types import Array


def pair(outputs: Array, targets: Array, names: str) -> tuple[Array, Array]:
    """Bring a net's outputs and their targets to float32, refusing unequal shapes.

    NumPy's rules would turn (4, 1) against (4,) into sixteen errors of which twelve
    compare one example with another, and nothing would look wrong.

    Args:
        outputs: [batch, ...] any float type.
        targets: of the shape of `outputs`, any type.
        names: what the two are called where the caller stands, for the message.

    Returns:
        Both as float32.

    Raises:
        ValueError: if the shapes differ, or there is no batch axis.
    """
    outputs, targets = jnp.asarray(outputs), jnp.asarray(targets)
    if outputs.shape != targets.shape:
        raise ValueError(
            f'{names} have shapes {outputs.shape} and {targets.shape}, wanted equal '
            'shapes: reshape one of them, for instance logits[:, 0] or labels[:, None]'
        )
    if outputs.ndim == 0:
        raise ValueError(
            f'{names} are scalars, wanted a leading batch axis: add one, for instance '
            'by [None]'
        )
    return outputs.astype(jnp.float32), targets.astype(jnp.float32)


def sum_losses(
    loss: Callable[[Array, Array], Array],
    outputs: Array,
    targets: Array,
    names: str,
    where: Array | None = None,
    meant: Callable[[Array], Array] | None = None,
) -> Array:
    """Apply a loss of single elements, and sum all but the batch axis.

    The elements of an example are laid out in one row for it: compilers for a CPU
    vectorize along the last axis, which of grey images would have one element.

    Args:
        loss: `(outputs, targets) -> losses`, element by element.
        outputs: [batch, ...] any float type.
        targets: of the shape of `outputs`, any type.
        names: as `pair` takes them.
        where: as of `per_example`.
        meant: `(targets) -> bool`, those that the loss has a meaning for; another one
            that counts makes the loss of its example NaN, and the derivative too.

    Returns:
        [batch] float32.

    Raises:
        ValueError: if the shapes differ, or `where` has other axes.
    """
    outputs, targets = pair(outputs, targets, names)
    rows = (outputs.shape[0], math.prod(outputs.shape[1:]))
    flat = targets.reshape(rows)
    if meant is not None:
        known = meant(flat)
        if where is not None:
            known = known | ~expand(where, targets).reshape(rows)
        flat = jnp.where(known, flat, jnp.nan)
    values = loss(outputs.reshape(rows), flat)
    return per_example(values.reshape(outputs.shape), where)


def per_example(values: Array, where: Array | None = None) -> Array:
    """Sum everything but the batch axis, leaving out what `where` marks as padding.

    Args:
        values: [batch, ...] float.
        where: bool or 0/1, of the first axes of `values` (for instance
            [batch, time]); only true positions count. None counts all.

    Returns:
        [batch] float32; 0 for an example of which nothing counts.

    Raises:
        ValueError: if `where` does not have the first axes of `values`.

    Example:
        >>> import jax.numpy as jnp
        >>> values = jnp.ones((2, 3, 4))
        >>> mask = jnp.array([[True, True, False], [False, False, False]])
        >>> print(per_example(values, mask))
        [8. 0.]
    """
    values = jnp.asarray(values, jnp.float32)
    if where is not None:
        values = jnp.where(expand(where, values), values, 0.0)
    return values.reshape(values.shape[0], -1).sum(axis=1)
