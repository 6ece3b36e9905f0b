"""How well scores tell one kind of example from the other, at every threshold."""

import numpy as np

from dljax.types import Array


def area_under_roc(scores: Array | np.ndarray, positive: Array | np.ndarray) -> float:
    """Chance that a positive example scores higher than a negative one.

    A tie counts one half. It is the area under the curve of the true against the false
    positives, and no threshold need be chosen.

    Args:
        scores: [examples], larger for what is more likely positive.
        positive: [examples] booleans, or integers of which 1 is positive and 0 not.

    Returns:
        In [0, 1]; 0.5 where the scores say nothing.

    Raises:
        ValueError: for other shapes, scores that are no numbers, labels that are
            neither 0 nor 1, or examples that are all of one kind.

    Reference:
        Hanley, McNeil (1982), The Meaning and Use of the Area under a Receiver
        Operating Characteristic (ROC) Curve,
        https://doi.org/10.1148/radiology.143.1.7063747

    Example:
        >>> import jax.numpy as jnp
        >>> area_under_roc(jnp.array([.1, .4, .4, .8]), jnp.array([0, 0, 1, 1]))
        0.875
    """
    scores, positive = np.asarray(scores, np.float64), np.asarray(positive)
    if scores.ndim != 1 or positive.shape != scores.shape:
        raise ValueError(
            f'scores and labels have shapes {scores.shape} and {positive.shape}, '
            'wanted [examples] of both'
        )
    if np.isnan(scores).any():
        raise ValueError('some scores are NaN, wanted numbers, which can be ordered')
    if not np.isin(positive, (0, 1)).all():
        raise ValueError(
            f'labels are {np.unique(positive)[:5]}, wanted 0 and 1: compare them with '
            'the class that is positive'
        )
    positive = positive.astype(bool)
    count, rest = int(positive.sum()), int((~positive).sum())
    if not count or not rest:
        raise ValueError(
            f'there are {count} positive and {rest} negative examples, wanted one or '
            'more of each'
        )
    _, place, size = np.unique(scores, return_inverse=True, return_counts=True)
    # Equal scores share the mean of the ranks that they take up.
    rank = np.cumsum(size) - (size - 1) / 2
    above = rank[place][positive].sum() - count * (count + 1) / 2
    return float(above / (count * rest))
