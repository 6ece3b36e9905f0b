"""How well pixels are classified, from the confusion matrix of a whole set.

`confusion_matrix` counts the pixels; matrices of parts of a set add up, so that these
metrics are exact over it. The mean of the metrics of single images is something else.
"""

import jax.numpy as jnp

from dljax.metrics.differences import Numbers
from dljax.types import Array


def intersection_over_union(confusion: Numbers) -> Array:
    """Intersection of truth and prediction over their union, TP / (TP + FP + FN).

    Args:
        confusion: [..., classes, classes] counts, row: truth, column: prediction.

    Returns:
        [..., classes] float32 in [0, 1]; NaN for a class that neither occurs nor was
        predicted: there is nothing to say about it. scikit-learn's `jaccard_score`
        gives 0 there.

    Raises:
        ValueError: if the matrix is not square.

    Reference:
        Everingham et al. (2015), The Pascal Visual Object Classes Challenge: A
        Retrospective, https://doi.org/10.1007/s11263-014-0733-5

    Example:
        >>> import jax.numpy as jnp
        >>> counts = jnp.array([[2, 1, 0], [1, 6, 0], [0, 0, 0]])
        >>> print(intersection_over_union(counts))
        [0.5  0.75  nan]
    """
    hit, true, said = _parts(confusion)
    return _ratio(hit, true + said - hit)


def dice(confusion: Numbers) -> Array:
    """Twice the intersection over the sum of the two sizes, 2 TP / (2 TP + FP + FN).

    It is F1, and 2 J / (1 + J) of the intersection over union J.

    Args:
        confusion: [..., classes, classes] counts, row: truth, column: prediction.

    Returns:
        [..., classes] float32 in [0, 1]; NaN for a class that neither occurs nor was
        predicted, where `f1` gives 0.

    Raises:
        ValueError: if the matrix is not square.

    Reference:
        Dice (1945), Measures of the Amount of Ecologic Association Between Species,
        https://doi.org/10.2307/1932409

    Example:
        >>> import jax.numpy as jnp
        >>> print(dice(jnp.array([[3, 2], [0, 6]])))
        [0.75       0.85714287]
    """
    hit, true, said = _parts(confusion)
    return _ratio(2 * hit, true + said)


def mean_iou(confusion: Numbers, *, background: bool = True) -> Array:
    """Mean of `intersection_over_union` over the classes that there is one of.

    Args:
        confusion: [..., classes, classes] counts, row: truth, column: prediction.
        background: whether class 0 counts.

    Returns:
        [...] float32 in [0, 1]; NaN if there is no such class.

    Raises:
        ValueError: if the matrix is not square.

    Example:
        >>> import jax.numpy as jnp
        >>> counts = jnp.array([[2, 1, 0], [1, 6, 0], [0, 0, 0]])
        >>> print(mean_iou(counts), mean_iou(counts, background=False))
        0.625 0.75
    """
    values = intersection_over_union(confusion)[..., 0 if background else 1 :]
    known = ~jnp.isnan(values)
    return _ratio(jnp.where(known, values, 0.0).sum(-1), known.sum(-1))


def pixel_accuracy(confusion: Numbers) -> Array:
    """Fraction of the pixels that have the right class.

    Args:
        confusion: [..., classes, classes] counts, row: truth, column: prediction.

    Returns:
        [...] float32 in [0, 1]; NaN without a pixel.

    Raises:
        ValueError: if the matrix is not square.

    Example:
        >>> import jax.numpy as jnp
        >>> print(pixel_accuracy(jnp.array([[3, 1], [1, 5]])))
        0.8
    """
    hit, true, _ = _parts(confusion)
    return _ratio(hit.sum(-1), true.sum(-1))


def _parts(confusion: Numbers) -> tuple[Array, Array, Array]:
    # Counts of a large set, in 64 bits on the host, do not fit a device's integers.
    confusion = jnp.asarray(confusion, jnp.float32)
    if confusion.ndim < 2 or confusion.shape[-1] != confusion.shape[-2]:
        raise ValueError(
            f'confusion has shape {confusion.shape}, wanted [..., classes, classes]: '
            'take dljax.metrics.confusion_matrix of the predictions and the labels'
        )
    hit = jnp.diagonal(confusion, axis1=-2, axis2=-1)
    return hit, confusion.sum(-1), confusion.sum(-2)


def _ratio(part: Array, whole: Array) -> Array:
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1.0), jnp.nan)
