"""Likelihood of counts: how often something happened in so many trials."""

import jax.numpy as jnp
import optax
from jax.scipy.special import gammaln

from dljax.losses.meaning import in_unit_interval
from dljax.losses.reduction import pair, per_example
from dljax.types import Array


def binomial_loss(logits: Array, fractions: Array, *, trials: int) -> Array:
    """Negative log likelihood of counts k = n s of n trials each, as fractions s.

    -Σ [log C(n, k) + k log σ(x) + (n - k) log(1 - σ(x))]. Images of so many shades of
    grey fit it that are made by counting the dark points of a finer grid, such as
    scikit-learn's digits, of 4x4 points a pixel.

    Args:
        logits: [batch, ...] x, log odds of each trial.
        fractions: k / n in [0, 1], of the shape of `logits`; one out of range makes the
            loss of its example NaN.
        trials: n, at least 1; with 1 this is `binary_cross_entropy`.

    Returns:
        [batch] float32 in nats, at least 0 for whole counts.

    Raises:
        ValueError: if the shapes differ, or for fewer than one trial.

    Example:
        >>> import jax.numpy as jnp
        >>> loss = binomial_loss(jnp.zeros(1), jnp.array([.5]), trials=2)
        >>> print(jnp.exp(-loss).round(4))  # one head in two tosses
        [0.5]
    """
    if trials < 1:
        raise ValueError(f'trials is {trials}, wanted at least 1')
    logits, fractions = pair(logits, fractions, 'logits and fractions')
    fractions = jnp.where(in_unit_interval(fractions), fractions, jnp.nan)
    counts = trials * jnp.clip(fractions, 0.0, 1.0)
    ways = gammaln(trials + 1.0) - gammaln(counts + 1.0) - gammaln(trials - counts + 1)
    each = trials * optax.sigmoid_binary_cross_entropy(logits, fractions) - ways
    return per_example(each)
