"""The negative log likelihood of a class, with its derivative stated."""

import functools

import chex
import jax
import jax.numpy as jnp

from dljax.losses.meaning import nan_beyond
from dljax.types import Array


def surprise(logits: Array, labels: Array, smoothing: float = 0.0) -> Array:
    """Compute -log softmax(x)_y at every position, of labels that may be smoothed.

    The derivative, softmax(x) - (1 - s) [k = y] - s / K, is stated as one map of the
    logits' shape: as that of a choice it would be scattered into zeros. It can be
    differentiated as often as one likes.

    Args:
        logits: [..., classes] x, float.
        labels: integers [...] y; one outside of the classes, such as -1, makes its
            value NaN and its derivative too.
        smoothing: s in [0, 1], the part of the label that the K classes share evenly.

    Returns:
        [...] in nats.

    Raises:
        AssertionError: for labels of another shape, or that are no integers.

    Example:
        >>> import jax.numpy as jnp
        >>> print(jax.grad(surprise)(jnp.zeros(4), jnp.int32(1)))
        [ 0.25 -0.75  0.25  0.25]
    """
    chex.assert_type(labels, int)
    chex.assert_shape(labels, logits.shape[:-1])
    known = nan_beyond(labels, logits.shape[-1]).astype(logits.dtype)
    return _surprise(smoothing, logits, labels) * known


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _surprise(smoothing: float, logits: Array, labels: Array) -> Array:
    shifted, total, highest = _exponents(logits)
    chosen = jnp.take_along_axis(shifted, labels[..., None], axis=-1)
    if smoothing:
        # Of the logits as they are: the shifted ones would be computed once more.
        shared = logits.mean(axis=-1, keepdims=True) - highest
        chosen = (1.0 - smoothing) * chosen + smoothing * shared
    return (jnp.log(total) - chosen)[..., 0]


@_surprise.defjvp
def _surprise_jvp(
    smoothing: float, primals: tuple, tangents: tuple
) -> tuple[Array, Array]:
    logits, labels = primals
    shifted, total, _ = _exponents(logits)
    chosen = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    if smoothing:
        chosen = (1.0 - smoothing) * chosen + smoothing / logits.shape[-1]
    tangent = (jnp.exp(shifted) / total - chosen) * tangents[0]
    return _surprise(smoothing, logits, labels), tangent.sum(axis=-1)


def _exponents(logits: Array) -> tuple[Array, Array, Array]:
    """Give logits of which the largest is 0, their exponentials' sum, the largest."""
    highest = jax.lax.stop_gradient(logits.max(axis=-1, keepdims=True))
    shifted = logits - highest
    return shifted, jnp.exp(shifted).sum(axis=-1, keepdims=True), highest
