"""Diagonal Gaussians: log density, and divergence from the standard normal."""

import math

import jax.numpy as jnp

from dljax.losses.reduction import pair, per_example
from dljax.types import Array


def gaussian_log_density(values: Array, mean: Array, log_variance: Array) -> Array:
    """Log density of a Gaussian with independent features.

    log N(v; μ, σ²) = -½ Σ [log 2π + log σ² + (v - μ)² / σ²].

    Args:
        values: [batch, ...] v.
        mean: μ, of the shape of `values`.
        log_variance: log σ², of the shape of `values`.

    Returns:
        [batch] float32 in nats.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> zeros = jnp.zeros((1, 2))
        >>> f'{gaussian_log_density(zeros, zeros, zeros)[0]:.4f}'  # -log 2π
        '-1.8379'
    """
    values, mean = pair(values, mean, 'values and mean')
    mean, log_variance = pair(mean, log_variance, 'mean and log_variance')
    squares = jnp.square(values - mean) * jnp.exp(-log_variance)
    return -0.5 * per_example(math.log(2 * math.pi) + log_variance + squares)


def gaussian_divergence(mean: Array, log_variance: Array) -> Array:
    """Kullback-Leibler divergence of a diagonal Gaussian from the standard normal.

    KL(N(μ, σ²) ‖ N(0, 1)) = ½ Σ [μ² + σ² - 1 - log σ²].

    Args:
        mean: [batch, ...] μ.
        log_variance: log σ², of the shape of `mean`.

    Returns:
        [batch] float32 in nats, at least 0.

    Raises:
        ValueError: if the shapes differ.

    Reference:
        Kingma, Welling (2014), Auto-Encoding Variational Bayes, appendix B,
        https://arxiv.org/abs/1312.6114

    Example:
        >>> import jax.numpy as jnp
        >>> print(gaussian_divergence(jnp.array([[2., 0.]]), jnp.zeros((1, 2))))
        [2.]
    """
    mean, log_variance = pair(mean, log_variance, 'mean and log_variance')
    # expm1 keeps what is left where the variance is almost one.
    spread = jnp.expm1(log_variance) - log_variance
    return 0.5 * per_example(jnp.square(mean) + spread)
