"""The negative log likelihood of a class, with its derivative stated."""

import chex
import jax
import jax.numpy as jnp

from dljax.losses.meaning import nan_beyond
from dljax.types import Array


def surprise(logits: Array, labels: Array) -> Array:
    """Compute -log softmax(x)_y at every position.

    The derivative, softmax(x) - [k = y], is stated as one map of the logits' shape: as
    that of a choice it would be scattered into zeros. It can be differentiated as often
    as one likes.

    Args:
        logits: [..., classes] x, float.
        labels: integers [...] y; one outside of the classes, such as -1, makes its
            value NaN and its derivative too.

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
    return _surprise(logits, labels) * nan_beyond(labels, logits.shape[-1]).astype(
        logits.dtype
    )


@jax.custom_jvp
def _surprise(logits: Array, labels: Array) -> Array:
    shifted, total = _exponents(logits)
    chosen = jnp.take_along_axis(shifted, labels[..., None], axis=-1)
    return (jnp.log(total) - chosen)[..., 0]


@_surprise.defjvp
def _surprise_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    logits, labels = primals
    shifted, total = _exponents(logits)
    chosen = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    tangent = (jnp.exp(shifted) / total - chosen) * tangents[0]
    return _surprise(logits, labels), tangent.sum(axis=-1)


def _exponents(logits: Array) -> tuple[Array, Array]:
    """Give logits of which the largest is 0, and the sum of their exponentials."""
    highest = jax.lax.stop_gradient(logits.max(axis=-1, keepdims=True))
    shifted = logits - highest
    return shifted, jnp.exp(shifted).sum(axis=-1, keepdims=True)
