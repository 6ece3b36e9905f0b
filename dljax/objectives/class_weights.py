"""What an example of each class counts."""

from collections.abc import Sequence

import numpy as np


def check_weights(weights: Sequence[float] | np.ndarray | None) -> np.ndarray | None:
    """Refuse weights of classes that are none.

    Args:
        weights: [classes] numbers, or None.

    Returns:
        [classes] float32, or None.

    Raises:
        ValueError: for other than one finite number of 0 or more for each class, of
            which one is above 0.

    Example:
        >>> print(check_weights((1, 2)))
        [1. 2.]
    """
    if weights is None:
        return None
    try:
        found = np.asarray(weights, np.float32)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if (
        found.ndim != 1
        or not np.isfinite(found).all()
        or (found < 0).any()
        or not found.any()
    ):
        raise ValueError(
            f'class_weights are {weights}, wanted a finite number of 0 or more for '
            'each class, in their order, and one above 0: data.class_weights(labels) '
            'makes all classes count the same'
        )
    return found
