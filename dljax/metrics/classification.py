"""Whether the class that a net prefers is the right one, example by example."""

import jax
import jax.numpy as jnp

from dljax.types import Array


def accuracy(logits: Array, labels: Array, *, where: Array | None = None) -> Array:
    """Fraction of an example's labels that are predicted correctly.

    The prediction is the class of the largest logit or, where there is but one logit,
    whether it is at least 0, as `layers.binary_step` fires. With one label an example
    the fraction is 0 or 1, and its mean over the examples is the accuracy.

    Args:
        logits: [batch, ..., classes], or for two classes [batch, ..., 1] or [batch].
        labels: integers or booleans [batch, ...] in [0, classes), or in [0, 1]; for
            a single logit [batch, ..., 1] will also do. One out of range that counts
            makes the fraction of its example NaN.
        where: [batch, ...] like one integer a label, the labels that count; None
            counts all.

    Returns:
        [batch] float32 in [0, 1]; 0 for an example of which nothing counts.

    Raises:
        ValueError: if the shapes do not belong together.

    Example:
        >>> import jax.numpy as jnp
        >>> logits = jnp.array([[.1, .9], [.8, .2]])
        >>> print(accuracy(logits, jnp.array([1, 1])))
        [1. 0.]
        >>> print(accuracy(jnp.array([2., -3.]), jnp.array([1, 0])))
        [1. 1.]
    """
    logits, labels = jnp.asarray(logits), jnp.asarray(labels)
    single = logits.ndim == 1 or logits.shape[-1] == 1
    if single:
        if logits.ndim > 1:
            logits = logits[..., 0]
        if labels.ndim == logits.ndim + 1 and labels.shape[-1] == 1:
            labels = labels[..., 0]
        predictions, positions = logits >= 0, logits.shape
    else:
        predictions, positions = logits.argmax(axis=-1), logits.shape[:-1]
    _check_labels(labels, positions)
    classes = 2 if single else logits.shape[-1]
    return _fraction(predictions == labels, labels, classes, where)


def top_k_accuracy(
    logits: Array, labels: Array, *, k: int = 5, where: Array | None = None
) -> Array:
    """Fraction of an example's labels that are among the k largest logits.

    Args:
        logits: [batch, ..., classes].
        labels: integers [batch, ...] in [0, classes); one out of range that counts
            makes the fraction of its example NaN.
        k: how many guesses are allowed, from 1 to the number of classes.
        where: [batch, ...], the labels that count; None counts all.

    Returns:
        [batch] float32 in [0, 1]; 0 for an example of which nothing counts.

    Raises:
        ValueError: if the shapes do not belong together or `k` is out of range.

    Example:
        >>> import jax.numpy as jnp
        >>> logits = jnp.array([[.1, .7, .2], [.1, .7, .2]])
        >>> print(top_k_accuracy(logits, jnp.array([2, 0]), k=2))
        [1. 0.]
    """
    logits, labels = jnp.asarray(logits), jnp.asarray(labels)
    _check_labels(labels, logits.shape[:-1])
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError(
            f'k is {k}, wanted an integer from 1 to {logits.shape[-1]}, the number of '
            'classes'
        )
    guesses = jax.lax.top_k(logits, k)[1]
    right = (guesses == labels[..., None]).any(axis=-1)
    return _fraction(right, labels, logits.shape[-1], where)


def _check_labels(labels: Array, positions: tuple[int, ...]) -> None:
    discrete = jnp.issubdtype(labels.dtype, jnp.integer) or labels.dtype == bool
    if labels.shape != positions or not discrete or not positions:
        raise ValueError(
            f'labels have shape {labels.shape} and type {labels.dtype}, wanted '
            f'integers of shape {positions}: one class number for each row of logits'
        )


def _fraction(right: Array, labels: Array, classes: int, where: Array | None) -> Array:
    # A small type, such as uint8, need not hold the number of classes.
    labels = labels.astype(jnp.promote_types(labels.dtype, jnp.int32))
    right = jnp.where((labels >= 0) & (labels < classes), right, jnp.nan)
    right = right.reshape(right.shape[0], -1).astype(jnp.float32)
    if where is None:
        return right.mean(axis=1)
    counted = jnp.asarray(where).astype(bool).reshape(right.shape)
    right = jnp.where(counted, right, 0.0)
    return right.sum(axis=1) / jnp.maximum(counted.sum(axis=1), 1)
