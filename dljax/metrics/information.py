"""What one labelling of the same examples tells about another."""

import numpy as np

from dljax.types import Array


def contingency_table(
    first: Array | np.ndarray, second: Array | np.ndarray
) -> np.ndarray:
    """Count how often each label of one kind goes with each of the other.

    Args:
        first: [examples] integers.
        second: [examples] integers; the two need not have equally many labels.

    Returns:
        [labels of the first, labels of the second] int64; of each only the labels that
        occur, in rising order.

    Raises:
        ValueError: for other shapes or types, or no example.

    Example:
        >>> import jax.numpy as jnp
        >>> print(contingency_table(jnp.array([0, 0, 7]), jnp.array([2, 1, 1])))
        [[1 1]
         [1 0]]
    """
    first, second = np.asarray(first), np.asarray(second)
    whole = first.dtype.kind in 'biu' and second.dtype.kind in 'biu'
    if first.ndim != 1 or first.shape != second.shape or not first.size or not whole:
        raise ValueError(
            f'the labels are {first.dtype}{first.shape} and '
            f'{second.dtype}{second.shape}, wanted integers [examples] of both: take '
            'argmax(-1) of logits first'
        )
    rows, row = np.unique(first, return_inverse=True)
    columns, column = np.unique(second, return_inverse=True)
    table = np.zeros((len(rows), len(columns)), np.int64)
    np.add.at(table, (row, column), 1)
    return table


def mutual_information(first: Array | np.ndarray, second: Array | np.ndarray) -> float:
    r"""Mutual information of two labellings of the same examples, in nats.

    $\sum_{ij} p_{ij} \log(p_{ij} / (p_i p_j))$ with the fractions of their table.
    Labels may be renamed. Of independent labels it is above 0 by chance; compare with a
    shuffled copy.

    Args:
        first: [examples] integers, such as clusters or codes.
        second: [examples] integers, such as classes.

    Returns:
        From 0 to the smaller entropy of the two.

    Raises:
        ValueError: for other shapes or types, or no example.

    Reference:
        Cover, Thomas (2006), Elements of Information Theory, chapter 2,
        https://doi.org/10.1002/047174882X

    Example:
        >>> import jax.numpy as jnp
        >>> labels = jnp.array([0, 0, 1, 1])
        >>> print(round(mutual_information(labels, 5 - labels), 4))  # log 2
        0.6931
    """
    table = contingency_table(first, second)
    fraction = table / table.sum()
    apart = fraction.sum(axis=1, keepdims=True) * fraction.sum(axis=0, keepdims=True)
    ratio = np.where(fraction > 0, fraction / apart, 1.0)
    return max(float((fraction * np.log(ratio)).sum()), 0.0)


def matched_accuracy(found: Array | np.ndarray, true: Array | np.ndarray) -> float:
    """Fraction of examples that are right if each found label means its best class.

    Each label stands for one class at most and each class for one label, in the way
    that makes most examples right.

    Args:
        found: [examples] integers, such as clusters or codes.
        true: [examples] integers, the classes.

    Returns:
        From the fraction of the commonest pair of label and class to 1.

    Raises:
        ValueError: for other shapes or types, or no example.

    Reference:
        Kuhn (1955), The Hungarian Method for the Assignment Problem,
        https://doi.org/10.1002/nav.3800020109

    Example:
        >>> import jax.numpy as jnp
        >>> matched_accuracy(jnp.array([7, 7, 7, 2]), jnp.array([0, 0, 1, 1]))
        0.75
    """
    from scipy.optimize import linear_sum_assignment

    table = contingency_table(found, true)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / table.sum())
