"""Pooling that Linen lacks; `nn.max_pool` and `nn.avg_pool` are there already."""

from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
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
        [batch, *pooled space, channel] of the type of `inputs`, float32 for integers;
        the sums are taken in float32 at least.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.arange(4.).reshape(1, 2, 2, 1)
        >>> print(sum_pool(x, (2, 2)).item())
        6.0
    """
    x = inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))
    sums = nn.pooling.pool(x, 0.0, jax.lax.add, window_shape, strides, padding)
    return sums.astype(_real(inputs))


def ceil_max_pool(inputs: Array, window: int = 3, stride: int = 2) -> Array:
    """Take the largest value of square windows, the last of which may overhang.

    ⌈(n - window) / stride⌉ + 1 places come of a side of n, as in Caffe and in torch's
    `ceil_mode`, while `nn.max_pool` makes ⌊(n - window) / stride⌋ + 1. A last window
    that would lie outside altogether is left out.

    Args:
        inputs: [batch, height, width, channel].
        window: height and width of a window.
        stride: from a window to the next.

    Returns:
        [batch, height', width', channel].

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.arange(6.).reshape(1, 6, 1, 1) * jnp.ones((1, 1, 6, 1))
        >>> print(ceil_max_pool(x)[0, :, 0, 0])
        [2. 4. 5.]
        >>> print(nn.max_pool(x, (3, 3), (2, 2))[0, :, 0, 0])
        [2. 4.]
    """

    def overhang(size: int) -> int:
        steps = -(-max(size - window, 0) // stride)
        if steps * stride >= size:
            steps -= 1
        return max(steps * stride + window - size, 0)

    chex.assert_rank(inputs, 4)
    edges = [(0, overhang(size)) for size in inputs.shape[1:3]]
    return max_pool(inputs, (window, window), (stride, stride), edges)


def adaptive_average_pool(inputs: Array, size: int) -> Array:
    """Average over size x size windows of the feature map, whatever its size.

    Window i of a side of n places reaches from ⌊i n / size⌋ up to ⌈(i + 1) n / size⌉,
    as torch has it: windows overlap where size does not divide n, and repeat places
    where n is smaller. The sums are taken in float32 at least.

    Args:
        inputs: [batch, height, width, channel].
        size: height and width of the result.

    Returns:
        [batch, size, size, channel] of the type of `inputs`, float32 for integers.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.arange(3.).reshape(1, 3, 1, 1) * jnp.ones((1, 1, 3, 1))
        >>> print(adaptive_average_pool(x, 2)[0, :, 0, 0])
        [0.5 1.5]
    """
    chex.assert_rank(inputs, 4)
    wide = jnp.promote_types(inputs.dtype, jnp.float32)
    batch, height, width, channels = inputs.shape
    if height % size == width % size == 0:
        windows = batch, size, height // size, size, width // size, channels
        pooled = inputs.reshape(windows).mean(axis=(2, 4), dtype=wide)
        return pooled.astype(_real(inputs))

    def overlaps(n: int) -> np.ndarray:
        table = np.zeros((size, n))
        for i in range(size):
            start, end = i * n // size, -(-(i + 1) * n // size)
            table[i, start:end] = 1 / (end - start)
        return table.astype(wide)

    pooled = jnp.einsum(
        'ih,bhwc,jw->bijc',
        overlaps(height),
        inputs.astype(wide),
        overlaps(width),
        precision=jax.lax.Precision.HIGHEST,
    )
    return pooled.astype(_real(inputs))


def global_average_pool(inputs: Array) -> Array:
    """Average each channel over all places.

    The sum is taken in float32 at least, since bfloat16 would lose it.

    Args:
        inputs: [batch, *space, channel].

    Returns:
        [batch, channel] of the type of `inputs`, float32 for integers.

    Reference:
        Lin et al. (2014), Network in Network, https://arxiv.org/abs/1312.4400

    Example:
        >>> import jax.numpy as jnp
        >>> print(global_average_pool(jnp.arange(4.).reshape(1, 2, 2, 1)))
        [[1.5]]
    """
    chex.assert_rank(inputs, {3, 4, 5})
    space = tuple(range(1, inputs.ndim - 1))
    wide = jnp.promote_types(inputs.dtype, jnp.float32)
    return inputs.mean(axis=space, dtype=wide).astype(_real(inputs))


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
    chex.assert_rank(inputs, {3, 4, 5})
    return inputs.max(axis=tuple(range(1, inputs.ndim - 1)))


def _real(inputs: Array) -> DTypeLike:
    """Choose the type of a sum or mean: an integer's would wrap or be cut off."""
    real = jnp.issubdtype(inputs.dtype, jnp.inexact)
    return inputs.dtype if real else jnp.float32
