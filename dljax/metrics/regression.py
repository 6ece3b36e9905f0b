"""How far real-valued predictions are from their targets."""

import jax.numpy as jnp

from dljax.types import Array


def absolute_error(predictions: Array, targets: Array) -> Array:
    """Mean absolute error of each example over its outputs.

    Args:
        predictions: [batch, ...].
        targets: the same shape.

    Returns:
        [batch] float32, at least 0, in the targets' unit.

    Raises:
        ValueError: if the shapes differ or there is no batch axis.

    Example:
        >>> import jax.numpy as jnp
        >>> print(absolute_error(jnp.array([[1., 5.]]), jnp.array([[2., 2.]])))
        [2.]
    """
    predictions, targets = _pair(predictions, targets)
    return jnp.abs(predictions - targets).reshape(len(targets), -1).mean(axis=1)


def r_squared(predictions: Array, targets: Array) -> Array:
    """Coefficient of determination, 1 - Σ(y - a)² / Σ(y - ȳ)², of a whole data set.

    1 is perfect, 0 is as good as always answering the mean; below 0 is worse. Only
    the whole set has it: the mean over batches of R² is something else.

    Args:
        predictions: [examples, ...] a.
        targets: y, the same shape.

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
    predictions, targets = _pair(predictions, targets)
    unexplained = jnp.square(targets - predictions).sum(axis=0)
    total = jnp.square(targets - targets.mean(axis=0, keepdims=True)).sum(axis=0)
    score = 1.0 - unexplained / jnp.where(total > 0, total, 1.0)
    constant = jnp.where(unexplained > 0, 0.0, 1.0)
    return jnp.where(total > 0, score, constant)


def _pair(predictions: Array, targets: Array) -> tuple[Array, Array]:
    predictions, targets = jnp.asarray(predictions), jnp.asarray(targets)
    if predictions.shape != targets.shape or targets.ndim == 0:
        raise ValueError(
            f'predictions and targets have shapes {predictions.shape} and '
            f'{targets.shape}, wanted equal shapes with a batch axis: reshape one'
        )
    return predictions.astype(jnp.float32), targets.astype(jnp.float32)
