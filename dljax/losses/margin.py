"""Margin losses: nothing is paid once the true class leads by one."""

import jax.numpy as jnp
import optax

from dljax.losses.meaning import expand, nan_beyond
from dljax.losses.reduction import per_example, sum_losses
from dljax.types import Array


def hinge(logits: Array, targets: Array, *, where: Array | None = None) -> Array:
    """Hinge loss of ±1 targets, max(0, 1 - t·x).

    Args:
        logits: [batch, ...] x, any real numbers.
        targets: t, -1 or +1, of the shape of `logits`; another one makes the loss of
            its example NaN. Labels of 0 and 1 are `2 * label - 1`.
        where: the positions that count, [batch, ...] or its first axes; None counts
            all.

    Returns:
        [batch] float32, at least 0, summed over the features.

    Raises:
        ValueError: if the shapes differ.

    Reference:
        Cortes, Vapnik (1995), Support-Vector Networks,
        https://doi.org/10.1007/BF00994018

    Example:
        >>> import jax.numpy as jnp
        >>> print(hinge(jnp.array([2., .5, -1.]), jnp.array([1, 1, 1])))
        [0.  0.5 2. ]
    """
    return sum_losses(
        optax.hinge_loss,
        logits,
        targets,
        'logits and targets',
        where,
        meant=lambda targets: jnp.abs(targets) == 1.0,
    )


def multiclass_hinge(
    logits: Array, labels: Array, *, where: Array | None = None
) -> Array:
    """Hinge loss of several classes, max(0, 1 + max over k ≠ y of x_k - x_y).

    Args:
        logits: [batch, ..., classes] x, any real numbers.
        labels: integers [batch, ...] y in [0, classes); one out of range makes the loss
            of its example NaN.
        where: the positions that count, [batch, ...] or its first axes; None counts
            all.

    Returns:
        [batch] float32, at least 0.

    Raises:
        ValueError: if the shapes do not belong together.

    Reference:
        Crammer, Singer (2001), On the Algorithmic Implementation of Multiclass
        Kernel-based Vector Machines, https://www.jmlr.org/papers/v2/crammer01a.html

    Example:
        >>> import jax.numpy as jnp
        >>> logits = jnp.array([[3., 1., 0.], [3., 1., 2.5]])
        >>> print(multiclass_hinge(logits, jnp.array([0, 2])))
        [0.  1.5]
    """
    logits, labels = jnp.asarray(logits, jnp.float32), jnp.asarray(labels)
    integers = jnp.issubdtype(labels.dtype, jnp.integer)
    if logits.ndim < 2 or labels.shape != logits.shape[:-1] or not integers:
        raise ValueError(
            f'logits of shape {logits.shape} and labels of shape {labels.shape} and '
            f'type {labels.dtype} do not belong together: wanted logits [batch, ..., '
            'classes] and integer labels [batch, ...]'
        )
    if where is not None:  # padding may be labelled by anything
        labels = jnp.where(expand(where, labels), labels, 0)
    values = optax.losses.multiclass_hinge_loss(logits, labels)
    return per_example(values * nan_beyond(labels, logits.shape[-1]), where)
