"""How far real-valued predictions are from their targets.

Arrays of NumPy are subtracted in float64, so that targets far from 0 may be given as
they are; those of JAX in float32.
"""

import jax.numpy as jnp
import numpy as np

from dljax.metrics.differences import Numbers, difference, on_host
from dljax.types import Array


def absolute_error(predictions: Array, targets: Array) -> Array:
    """Mean absolute error of each example over its outputs.

    Args:
        predictions: [batch, ...].
        targets: of the shape of `predictions`.

    Returns:
        [batch] float32, at least 0, in the targets' unit.

    Raises:
        ValueError: if the shapes differ or there is no batch axis.

    Example:
        >>> import jax.numpy as jnp
        >>> print(absolute_error(jnp.array([[1., 5.]]), jnp.array([[2., 2.]])))
        [2.]
    """
    _check(predictions, targets)
    errors = abs(difference(predictions, targets))
    return jnp.asarray(errors.reshape(len(errors), -1).mean(axis=1), jnp.float32)


def r_squared(predictions: Numbers, targets: Numbers) -> Array:
    """Coefficient of determination, 1 - Σ(y - a)² / Σ(y - ȳ)², of a whole data set.

    1 is perfect, 0 is as good as always answering the mean; below 0 is worse. Only
    the whole set has it: the mean over batches of R² is something else.

    Args:
        predictions: [examples, ...] a.
        targets: y, of the shape of `predictions`.

    Returns:
        [...] float32 at most 1, one for each output; where a target is constant,
        1 if it is predicted exactly and else 0, as in scikit-learn.

    Raises:
        ValueError: if the shapes differ or there is no batch axis.

    Example:
        >>> import jax.numpy as jnp
        >>> targets = jnp.array([1., 2., 3.])
        >>> print(r_squared(targets, targets), r_squared(jnp.full(3, 2.), targets))
        1.0 0.0
    """
    _check(predictions, targets)
    numbers = np if on_host(predictions, targets) else jnp
    targets = numbers.asarray(targets)
    unexplained = numbers.square(difference(targets, predictions)).sum(axis=0)
    # From the first target on: a mean of large numbers is rounded by what they vary by.
    apart = difference(targets, targets[:1])
    total = numbers.square(apart - apart.mean(axis=0, keepdims=True)).sum(axis=0)
    score = 1.0 - unexplained / numbers.where(total > 0, total, 1.0)
    constant = numbers.where(unexplained > 0, 0.0, 1.0)
    return jnp.asarray(numbers.where(total > 0, score, constant), jnp.float32)


def _check(predictions: Numbers, targets: Numbers) -> None:
    shapes = jnp.shape(predictions), jnp.shape(targets)
    if shapes[0] != shapes[1] or not shapes[0]:
        raise ValueError(
            f'predictions and targets have shapes {shapes[0]} and {shapes[1]}, wanted '
            'equal shapes with a batch axis: reshape one'
        )
