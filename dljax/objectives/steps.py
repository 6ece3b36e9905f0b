"""The true steps of padded sequences, and means over them."""

import jax.numpy as jnp

from dljax.objectives.classification import label_cross_entropy
from dljax.types import Array


def within_length(length: Array, steps: int) -> Array:
    """Tell the true steps from the padding.

    Args:
        length: [batch] integers.
        steps: of the padded sequence.

    Returns:
        [batch, steps] bool.

    Example:
        >>> import jax.numpy as jnp
        >>> print(within_length(jnp.array([1, 2]), 2).astype(int))
        [[1 0]
         [1 1]]
    """
    return jnp.arange(steps)[None, :] < length[:, None]


def per_step(
    logits: Array,
    labels: Array,
    where: Array | None = None,
    *,
    label_smoothing: float = 0.0,
) -> Array:
    """Cross-entropy of each example, averaged over its true steps.

    Args:
        logits: [batch, time, classes], or a single one for two classes.
        labels: [batch, time] integers in [0, classes).
        where: [batch, time] bool, the true steps; None for all.
        label_smoothing: in [0, 1], see `losses.cross_entropy`.

    Returns:
        [batch] float32 in nats; 0 for an example without a true step.

    Example:
        >>> import jax.numpy as jnp
        >>> labels, where = jnp.array([[0, 1]]), jnp.array([[True, False]])
        >>> print(per_step(jnp.zeros((1, 2, 2)), labels, where).round(4))
        [0.6931]
    """
    total = label_cross_entropy(
        logits, labels, label_smoothing=label_smoothing, where=where
    )
    if where is None:
        return total / logits.shape[1]
    return total / jnp.maximum(where.sum(axis=1), 1)
