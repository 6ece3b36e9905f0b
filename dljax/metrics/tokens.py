"""Scores of sequences of tokens: how many are right, how surprising they are."""

import jax.numpy as jnp

from dljax.types import Array


def token_accuracy(
    tokens: Array, targets: Array, *, where: Array | None = None
) -> Array:
    """Fraction of a target's places at which the right token stands.

    Of logits, `accuracy` is the same.

    Args:
        tokens: [batch, time] integers, what was written.
        targets: [batch, time] integers.
        where: [batch, time] bool, the places of the target that count; None for all.

    Returns:
        [batch] float32 in [0, 1]; 0 for an example of which nothing counts.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> tokens, targets = jnp.array([[5, 6, 1, 0]]), jnp.array([[5, 7, 1, 9]])
        >>> print(token_accuracy(tokens, targets, where=targets != 9).round(4))
        [0.6667]
    """
    shapes = [x.shape for x in (tokens, targets, where) if x is not None]
    if len(set(shapes)) != 1 or len(shapes[0]) != 2:
        raise ValueError(
            f'tokens, targets and where have shapes {shapes}, wanted [batch, time] of '
            'each'
        )
    counts = jnp.ones(targets.shape, bool) if where is None else where.astype(bool)
    right = ((tokens == targets) & counts).sum(axis=1)
    return right / jnp.maximum(counts.sum(axis=1), 1).astype(jnp.float32)


def perplexity(nats: Array, tokens: Array) -> Array:
    """Exponential of the mean negative log-likelihood of a token.

    exp(Σ nats / Σ tokens) over all examples: among how many equally likely tokens the
    net might as well have chosen. Of a mean in bits it is 2 to the power of it.

    Args:
        nats: [examples] float, the negative log-likelihood of each sequence, summed.
        tokens: [examples], the number of tokens of each.

    Returns:
        float32 scalar, at least 1; NaN where there is no token.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> print(perplexity(jnp.log(jnp.array([8., 4.])), jnp.array([3, 2])).round(3))
        2.0
    """
    if jnp.shape(nats) != jnp.shape(tokens):
        raise ValueError(
            f'nats have shape {jnp.shape(nats)} and tokens {jnp.shape(tokens)}, wanted '
            'one number of each an example'
        )
    total = jnp.asarray(nats, jnp.float32).sum()
    return jnp.exp(total / jnp.asarray(tokens, jnp.float32).sum())
