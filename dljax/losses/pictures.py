"""Costs of pictures, as means over their pixels and channels."""

import jax.numpy as jnp
import optax

from dljax.losses.reduction import sum_losses
from dljax.types import Array

NAMES = 'pictures and targets'


def pixel_squared_error(pictures: Array, targets: Array) -> Array:
    """Mean squared error of each picture; the minimum is the mean of what may be true.

    Args:
        pictures: [batch, height, width, channel].
        targets: the true ones, of the shape of `pictures`.

    Returns:
        [batch] float32, at least 0.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> grey = jnp.full((1, 2, 2, 3), 0.5)
        >>> print(pixel_squared_error(grey, jnp.zeros(grey.shape)))
        [0.25]
    """
    summed = sum_losses(optax.squared_error, pictures, targets, NAMES, None)
    return summed / _count(pictures)


def pixel_absolute_error(pictures: Array, targets: Array) -> Array:
    """Mean absolute error of each picture; the minimum is the median.

    Args:
        pictures: [batch, height, width, channel].
        targets: the true ones, of the shape of `pictures`.

    Returns:
        [batch] float32, at least 0.

    Raises:
        ValueError: if the shapes differ.

    Reference:
        Zhao et al. (2017), Loss Functions for Image Restoration with Neural Networks,
        https://doi.org/10.1109/TCI.2016.2644865

    Example:
        >>> import jax.numpy as jnp
        >>> grey = jnp.full((1, 2, 2, 3), 0.5)
        >>> print(pixel_absolute_error(grey, jnp.ones(grey.shape)))
        [0.5]
    """
    summed = sum_losses(lambda a, y: jnp.abs(a - y), pictures, targets, NAMES, None)
    return summed / _count(pictures)


def charbonnier(pictures: Array, targets: Array, *, epsilon: float = 1e-3) -> Array:
    r"""Mean of a smooth absolute error, $\sqrt{(a - y)^2 + ε^2}$.

    Args:
        pictures: [batch, height, width, channel] a.
        targets: y, of the shape of `pictures`.
        epsilon: ε, the error below which it is quadratic.

    Returns:
        [batch] float32, at least ε.

    Raises:
        ValueError: if the shapes differ or `epsilon` is not positive.

    Reference:
        Lai et al. (2017), Deep Laplacian Pyramid Networks for Fast and Accurate
        Super-Resolution, https://arxiv.org/abs/1704.03915

    Example:
        >>> import jax.numpy as jnp
        >>> picture = jnp.full((1, 2, 2, 3), 3.0)
        >>> print(charbonnier(picture, jnp.zeros(picture.shape), epsilon=4.0))
        [5.]
    """
    if epsilon <= 0:
        raise ValueError(f'epsilon is {epsilon}, wanted a positive number such as 1e-3')

    def smooth(a: Array, y: Array) -> Array:
        return jnp.sqrt(jnp.square(a - y) + epsilon**2)

    return sum_losses(smooth, pictures, targets, NAMES, None) / _count(pictures)


def _count(pictures: Array) -> int:
    return max(pictures[:1].size, 1)
