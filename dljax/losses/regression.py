"""Costs of real-valued outputs: quadratic, squared error, Huber."""

import functools

import optax

from dljax.losses.reduction import sum_losses
from dljax.types import Array

NAMES = 'predictions and targets'


def sum_squared_error(
    predictions: Array, targets: Array, *, where: Array | None = None
) -> Array:
    """Squared Euclidean distance of each prediction from its target, ‖y - a‖².

    Args:
        predictions: [batch, ...] a.
        targets: y, of the shape of `predictions`.
        where: the positions that count, [batch, ...] or its first axes; None counts
            all.

    Returns:
        [batch] float32, at least 0.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> print(sum_squared_error(jnp.array([[3., 0.]]), jnp.array([[0., 4.]])))
        [25.]
    """
    return sum_losses(optax.squared_error, predictions, targets, NAMES, where)


def quadratic(
    predictions: Array, targets: Array, *, where: Array | None = None
) -> Array:
    """Quadratic cost ½‖y - a‖²; its mean over n examples is 1/(2n) Σ ‖y - a‖².

    The half makes the derivative with respect to a simply a - y.

    Args:
        predictions: [batch, ...] a.
        targets: y, of the shape of `predictions`.
        where: the positions that count, [batch, ...] or its first axes; None counts
            all.

    Returns:
        [batch] float32, at least 0.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> print(quadratic(jnp.array([[3., 0.]]), jnp.array([[0., 4.]])))
        [12.5]
    """
    return sum_losses(optax.l2_loss, predictions, targets, NAMES, where)


def huber(
    predictions: Array,
    targets: Array,
    *,
    delta: float = 1.0,
    where: Array | None = None,
) -> Array:
    """Huber loss: quadratic up to an error of `delta`, linear beyond it.

    Per element, with e = |y - a|: ½e² if e ≤ δ, else δ(e - ½δ). An outlier then pulls
    with a force of at most δ.

    Args:
        predictions: [batch, ...] a.
        targets: y, of the shape of `predictions`.
        delta: δ > 0, the error from which the loss is linear.
        where: the positions that count, [batch, ...] or its first axes; None counts
            all.

    Returns:
        [batch] float32, at least 0, summed over the features.

    Raises:
        ValueError: if the shapes differ or `delta` is not positive.

    Reference:
        Huber (1964), Robust Estimation of a Location Parameter,
        https://doi.org/10.1214/aoms/1177703732

    Example:
        >>> import jax.numpy as jnp
        >>> print(huber(jnp.array([0.5, 3.]), jnp.zeros(2)))
        [0.125 2.5  ]
    """
    if delta <= 0:
        raise ValueError(
            f'delta is {delta}, wanted a positive number: it is the error from which '
            'the loss grows linearly'
        )
    loss = functools.partial(optax.huber_loss, delta=delta)
    return sum_losses(loss, predictions, targets, NAMES, where)
