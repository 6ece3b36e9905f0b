"""Bounds on a log-likelihood from samples."""

import math

import jax
import jax.numpy as jnp

from dljax.types import Array


def importance_weighted_bound(log_weights: Array, samples: int | None = None) -> Array:
    """Importance-weighted lower bound on the log-likelihood of each example.

    E log (1/k) Σᵢ wᵢ, with wᵢ = p(x, zᵢ) / q(zᵢ | x) and zᵢ from q(z | x). It is the
    evidence lower bound (ELBO) at k = 1, never falls as k rises, and tends to log p(x).

    Args:
        log_weights: [draws, ...] log w in nats, of independent draws.
        samples: k, a divisor of the draws; the bound is the mean over as many groups of
            k as there are. By default all draws are one group.

    Returns:
        [...] float32 in nats.

    Raises:
        ValueError: if the draws cannot be parted into groups of that size.

    Reference:
        Burda et al. (2016), Importance Weighted Autoencoders,
        https://arxiv.org/abs/1509.00519

    Example:
        >>> import jax.numpy as jnp
        >>> log_weights = jnp.log(jnp.array([[1.], [3.]]))
        >>> print(importance_weighted_bound(log_weights).round(4))  # log 2
        [0.6931]
        >>> print(importance_weighted_bound(log_weights, 1).round(4))  # (log 3) / 2
        [0.5493]
    """
    log_weights = jnp.asarray(log_weights, jnp.float32)
    draws = len(log_weights)
    samples = draws if samples is None else samples
    if samples < 1 or draws % samples:
        raise ValueError(
            f'samples is {samples} for {draws} draws, wanted a divisor of them'
        )
    groups = log_weights.reshape(-1, samples, *log_weights.shape[1:])
    bounds = jax.nn.logsumexp(groups, axis=1) - math.log(samples)
    return bounds.mean(axis=0)
