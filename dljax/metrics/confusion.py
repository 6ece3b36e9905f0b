"""Which class is taken for which, and what follows from that table."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dljax.metrics.differences import Numbers
from dljax.types import Array


def confusion_matrix(
    predictions: Numbers,
    labels: Numbers,
    *,
    classes: int,
    where: Numbers | None = None,
) -> Array:
    """Count how often each class is taken for each other.

    Tables of parts of a data set may be added up. Inside a compiled function, where
    nothing can be raised, what is out of range is not counted: check the labels before.

    Args:
        predictions: integers [...] in [0, classes), such as `logits.argmax(-1)`.
        labels: the truth, of the shape of `predictions` and in the same range.
        classes: the number of classes.
        where: of the shape of `labels`, the entries that count; None counts all.

    Returns:
        [classes, classes] int32; row: the truth, column: what it was taken for.

    Raises:
        ValueError: if the shapes differ, a type is not an integer, `classes` is
            not positive, or outside of `jit` an entry that counts is out of range.

    Example:
        >>> import jax.numpy as jnp
        >>> predictions, labels = jnp.array([0, 1, 1, 1]), jnp.array([0, 0, 1, 1])
        >>> print(confusion_matrix(predictions, labels, classes=2))
        [[1 1]
         [0 2]]
    """
    if classes < 1:
        raise ValueError(f'classes is {classes}, wanted a positive number of classes')
    predictions, labels = jnp.asarray(predictions), jnp.asarray(labels)
    for array in (predictions, labels):
        if array.shape != labels.shape or not jnp.issubdtype(array.dtype, jnp.integer):
            raise ValueError(
                f'predictions are {predictions.dtype}{predictions.shape} and labels '
                f'{labels.dtype}{labels.shape}, wanted integers of one shape: take '
                'logits.argmax(-1) first'
            )
    counted = jnp.ones(labels.shape, bool) if where is None else jnp.asarray(where)
    for name, array in (('predictions', predictions), ('labels', labels)):
        _require_in_range(name, array, counted, classes)
    # A comparison, since an index that is out of range would wrap or be dropped.
    truth = jax.nn.one_hot(labels.ravel(), classes, dtype=jnp.int32)
    truth = truth * counted.reshape(-1, 1).astype(jnp.int32)
    return truth.T @ jax.nn.one_hot(predictions.ravel(), classes, dtype=jnp.int32)


def _require_in_range(name: str, array: Array, counted: Array, classes: int) -> None:
    if any(isinstance(x, Tracer) for x in (array, counted)):
        return
    found = np.asarray(array)[np.asarray(counted).astype(bool)]
    if found.size and not 0 <= found.min() <= found.max() < classes:
        raise ValueError(
            f'{name} are from {found.min()} to {found.max()}, wanted integers in [0, '
            f'{classes}): leave out by `where` what has no class, or correct classes='
        )


def precision(confusion: Array) -> Array:
    """Of what was taken for a class, the fraction that belongs to it.

    Args:
        confusion: [classes, classes], row: truth, column: prediction.

    Returns:
        [classes] float32 in [0, 1]; 0 for a class that was never predicted.

    Example:
        >>> import jax.numpy as jnp
        >>> print(precision(jnp.array([[1, 1], [0, 3]])))
        [1.   0.75]
    """
    _require_square(confusion)
    return _ratio(jnp.diagonal(confusion), confusion.sum(axis=0))


def recall(confusion: Array) -> Array:
    """Of what belongs to a class, the fraction that was taken for it.

    Args:
        confusion: [classes, classes], row: truth, column: prediction.

    Returns:
        [classes] float32 in [0, 1]; 0 for a class that does not occur.

    Example:
        >>> import jax.numpy as jnp
        >>> print(recall(jnp.array([[1, 1], [0, 3]])))
        [0.5 1. ]
    """
    _require_square(confusion)
    return _ratio(jnp.diagonal(confusion), confusion.sum(axis=1))


def balanced_accuracy(confusion: Array) -> Array:
    """Average the recall over the classes that occur.

    A net that always says one of k classes has 1/k, however frequent that one is.

    Args:
        confusion: [classes, classes], row: truth, column: prediction.

    Returns:
        float32 scalar in [0, 1]; 0 for an empty table.

    Reference:
        Brodersen et al. (2010), The Balanced Accuracy and Its Posterior Distribution,
        https://doi.org/10.1109/ICPR.2010.764

    Example:
        >>> import jax.numpy as jnp
        >>> print(balanced_accuracy(jnp.array([[95, 0], [5, 0]])))
        0.5
    """
    occurs = confusion.sum(axis=1) > 0
    return _ratio(recall(confusion).sum(), occurs.sum())


def f1(confusion: Array) -> Array:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN).

    Args:
        confusion: [classes, classes], row: truth, column: prediction.

    Returns:
        [classes] float32 in [0, 1]; its mean is the macro-averaged F1.

    Example:
        >>> import jax.numpy as jnp
        >>> print(f1(jnp.array([[1, 1], [0, 1]])).round(4))
        [0.6667 0.6667]
    """
    _require_square(confusion)
    both = confusion.sum(axis=0) + confusion.sum(axis=1)
    return _ratio(2 * jnp.diagonal(confusion), both)


def _require_square(confusion: Array) -> None:
    chex.assert_rank(confusion, 2)
    chex.assert_shape(confusion, (len(confusion),) * 2)


def _ratio(part: Array, whole: Array) -> Array:
    part, whole = part.astype(jnp.float32), whole.astype(jnp.float32)
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1.0), 0.0)
