"""Pooling that Linen lacks; `nn.max_pool` and `nn.avg_pool` are there already."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.types import Array


def sum_pool(
    inputs: Array,
    window_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = 'VALID',
) -> Array:
    """Sum over windows, with the signature of `nn.max_pool`.

    Args:
        inputs: [batch, *space, channel].
        window_shape: the window's size along each axis of space.
        strides: the step along each; None for 1.
        padding: 'VALID', 'SAME' or (before, after) of each axis; padding counts as 0.

    Returns:
        [batch, *pooled space, channel].

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.arange(4.).reshape(1, 2, 2, 1)
        >>> print(sum_pool(x, (2, 2)).item())
        6.0
    """
    return nn.pooling.pool(inputs, 0.0, jax.lax.add, window_shape, strides, padding)


def global_average_pool(inputs: Array) -> Array:
    """Average each channel over all places.

    The sum is taken in float32 whatever the type, since bfloat16 would lose it.

    Args:
        inputs: [batch, *space, channel].

    Returns:
        [batch, channel] of the type of `inputs`.

    Reference:
        Lin, Chen and Yan, 2014, Network in Network, https://arxiv.org/abs/1312.4400

    Example:
        >>> import jax.numpy as jnp
        >>> print(global_average_pool(jnp.arange(4.).reshape(1, 2, 2, 1)))
        [[1.5]]
    """
    space = tuple(range(1, inputs.ndim - 1))
    return inputs.mean(axis=space, dtype=jnp.float32).astype(inputs.dtype)


def global_max_pool(inputs: Array) -> Array:
    """Take the largest value of each channel over all places.

    Args:
        inputs: [batch, *space, channel].

    Returns:
        [batch, channel] of the type of `inputs`.

    Example:
        >>> import jax.numpy as jnp
        >>> print(global_max_pool(jnp.arange(4.).reshape(1, 2, 2, 1)))
        [[3.]]
    """
    return inputs.max(axis=tuple(range(1, inputs.ndim - 1)))
