"""Classes of unequal numbers: weights that make them count the same."""

from collections.abc import Mapping

import numpy as np

from dljax.data.arrays import labels_of


def class_weights(labels: np.ndarray, classes: int | None = None) -> np.ndarray:
    r"""Weigh classes so that each has the same part in a mean over the examples.

    $w_c = n / (k n_c)$ for $n_c$ of $n$ examples and $k$ classes that occur; the mean
    of the weights over the examples is 1.

    Args:
        labels: [example] integers from 0.
        classes: how many there are; by default one more than the highest label.

    Returns:
        [classes] float32; 0 for a class that does not occur.

    Raises:
        ValueError: without labels, or for one that is not in [0, classes).

    Example:
        >>> print(class_weights(np.array([0, 0, 0, 1])).round(3))
        [0.667 2.   ]
    """
    labels = np.asarray(labels)
    high = classes if classes is not None else int(labels.max(initial=0)) + 1
    if (
        labels.ndim != 1
        or labels.dtype.kind not in 'iu'
        or not len(labels)
        or not 0 <= labels.min() <= labels.max() < high
    ):
        raise ValueError(
            f'labels are {labels.dtype}{labels.shape}, wanted one integer of [0, '
            f'{high}) for each example, and one example or more'
        )
    counts = np.bincount(labels, minlength=high)
    weights = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts > 0, weights, 0).astype(np.float32)


def with_balance(
    arrays: Mapping[str, np.ndarray], label: str = 'label'
) -> dict[str, np.ndarray]:
    """Add the weight of each example's class, for `score_classes(balance=...)`.

    Args:
        arrays: [example, ...] by feature.
        label: the feature that is the class.

    Returns:
        The same with 'balance': [example] float32, of mean 1.

    Raises:
        ValueError: as `class_weights`.

    Example:
        >>> print(with_balance({'label': np.array([0, 0, 0, 1])})['balance'].round(3))
        [0.667 0.667 0.667 2.   ]
    """
    labels = labels_of(arrays, label)
    return {**arrays, 'balance': class_weights(labels)[labels]}
