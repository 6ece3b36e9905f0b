"""Maximum pooling whose gradient is fast on a CPU too.

XLA's CPU backend computes the gradient place by place, on one core. There it is made of
comparisons of whole feature maps here, one phase of the stride after the other. Other
backends compile JAX's own.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.extend.core import Primitive
from jax.interpreters import ad

from dljax.kernels.primitive import primitive
from dljax.types import Array

Pair = tuple[int, int]
Edges = tuple[Pair, Pair]


def max_pool(
    inputs: Array,
    window_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str | Sequence[Pair] = 'VALID',
) -> Array:
    """Take the largest value of each window, as `nn.max_pool`.

    The gradient goes to the first of equal values in a window, row by row, on every
    backend.

    Args:
        inputs: [batch, height, width, channel] float.
        window_shape: height and width of a window.
        strides: from a window to the next; None for 1.
        padding: 'VALID', 'SAME' or (before, after) of each axis; padding counts as -∞.

    Returns:
        [batch, height', width', channel].

    Example:
        >>> import jax, jax.numpy as jnp
        >>> x = jnp.array([[1., 3.], [3., 2.]]).reshape(1, 2, 2, 1)
        >>> pooled = lambda x: max_pool(x, (2, 2), (2, 2)).sum()
        >>> print(pooled(x), jax.grad(pooled)(x)[0, :, :, 0].tolist())
        3.0 [[0.0, 1.0], [0.0, 0.0]]
    """
    if inputs.ndim != 4 or not jnp.issubdtype(inputs.dtype, jnp.floating):
        # The stub of its padding knows texts alone.
        return nn.max_pool(inputs, window_shape, strides, padding)  # pyright: ignore[reportArgumentType]
    window = tuple(window_shape)
    stride = tuple(strides or (1, 1))
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(inputs.shape[1:3], window, stride, padding)
    edges = tuple((low, high) for low, high in padding)
    return pool_p.bind(inputs, window=window, stride=stride, edges=edges)


def _pool(x: Array, *, window: Pair, stride: Pair, edges: Edges) -> Array:
    return nn.max_pool(x, window, stride, edges)  # pyright: ignore[reportArgumentType]


def _pick(tangent: Array, x: Array, **settings: Any) -> Array:
    return jax.jvp(functools.partial(_pool, **settings), (x,), (tangent,))[1]


def _spread(cotangent: Array, x: Array, **settings: Any) -> Array:
    return jax.vjp(functools.partial(_pool, **settings), x)[1](cotangent)[0]


def _counts(x: Array, window: Pair, stride: Pair, edges: Edges) -> list[int]:
    sides = x.shape[1:3]
    return [(sides[a] + sum(edges[a]) - window[a]) // stride[a] + 1 for a in range(2)]


def _pieces(
    x: Array, fill: float, window: Pair, stride: Pair, edges: Edges
) -> list[Array]:
    """Give what stands at each place of all windows: [batch, height', width', c]."""
    count = _counts(x, window, stride, edges)
    more = [(window[a] - 1) // stride[a] for a in range(2)]
    sides = [(count[a] + more[a]) * stride[a] for a in range(2)]
    gaps = [(edges[a][0], sides[a] - x.shape[1 + a] - edges[a][0], 0) for a in range(2)]
    if any(gap != (0, 0, 0) for gap in gaps):
        x = jax.lax.pad(x, jnp.asarray(fill, x.dtype), ((0, 0, 0), *gaps, (0, 0, 0)))
    high, wide = (count[a] + more[a] for a in range(2))
    x = x.reshape(x.shape[0], high, stride[0], wide, stride[1], x.shape[3])
    return [
        x[
            :,
            i // stride[0] : i // stride[0] + count[0],
            i % stride[0],
            j // stride[1] : j // stride[1] + count[1],
            j % stride[1],
        ]
        for i in range(window[0])
        for j in range(window[1])
    ]


def _quads(x: Array, window: Pair, stride: Pair, edges: Edges) -> Array | None:
    """Part maps into squares, [batch, h / 2, 2, w / 2, 2, c], if windows are such."""
    batch, high, wide, channels = x.shape
    if not window == stride == (2, 2) or edges != ((0, 0), (0, 0)):
        return None
    if high % 2 or wide % 2:
        return None
    return x.reshape(batch, high // 2, 2, wide // 2, 2, channels)


def _which(x: Array, window: Pair, stride: Pair, edges: Edges) -> Array:
    """Number the place of the first largest value in each window, as a float.

    Places are compared with each other and not with the maximum, which the compiler may
    have computed once more and rounded in another way, so that no place was equal.
    """
    best, *others = _pieces(x, -jnp.inf, window, stride, edges)
    which = jnp.zeros(best.shape, jnp.float32)
    for index, piece in enumerate(others, 1):
        which = jnp.where(piece > best, jnp.float32(index), which)
        best = jnp.maximum(piece, best)
    return which


def _pool_on_cpu(x: Array, *, window: Pair, stride: Pair, edges: Edges) -> Array:
    quads = _quads(x, window, stride, edges)
    if quads is not None:
        rows = jnp.maximum(quads[:, :, 0], quads[:, :, 1])
        return jnp.maximum(rows[:, :, :, 0], rows[:, :, :, 1])
    pieces = _pieces(x, -jnp.inf, window, stride, edges)
    return functools.reduce(jnp.maximum, pieces)


def _pick_on_cpu(
    tangent: Array, x: Array, *, window: Pair, stride: Pair, edges: Edges
) -> Array:
    which = _which(x, window, stride, edges)
    picked = jnp.zeros(which.shape, tangent.dtype)
    for index, piece in enumerate(_pieces(tangent, 0.0, window, stride, edges)):
        picked = jnp.where(which == index, piece, picked)
    return picked


def _spread_on_cpu(
    cotangent: Array, x: Array, *, window: Pair, stride: Pair, edges: Edges
) -> Array:
    """Place p + r·stride of the padded maps was place p + d·stride of window r - d."""
    quads = _quads(x, window, stride, edges)
    if quads is not None:
        return _spread_to_quads(cotangent, quads).reshape(x.shape)
    which = _which(x, window, stride, edges)
    rows, columns = stride
    more = [(window[a] - 1) // stride[a] for a in range(2)]
    around = ((0, 0), (more[0], more[0]), (more[1], more[1]), (0, 0))
    wide = jnp.pad(cotangent, around)
    which = jnp.pad(which, around, constant_values=-1)
    count = [cotangent.shape[1 + a] + more[a] for a in range(2)]

    def phase(row: int, column: int) -> Array:
        total = jnp.zeros((x.shape[0], *count, x.shape[3]), cotangent.dtype)
        for i in range(row, window[0], rows):
            for j in range(column, window[1], columns):
                top, left = more[0] - i // rows, more[1] - j // columns
                part = (
                    slice(None),
                    slice(top, top + count[0]),
                    slice(left, left + count[1]),
                )
                index = i * window[1] + j
                total = total + jnp.where(which[part] == index, wide[part], 0)
        return total

    maps = [
        jnp.stack([phase(i, j) for j in range(columns)], axis=3) for i in range(rows)
    ]
    whole = jnp.stack(maps, axis=2)
    whole = whole.reshape(x.shape[0], count[0] * rows, count[1] * columns, x.shape[3])
    top, left = edges[0][0], edges[1][0]
    whole = whole[:, top : top + x.shape[1], left : left + x.shape[2]]
    missing = [x.shape[1 + a] - whole.shape[1 + a] for a in range(2)]
    return jnp.pad(whole, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)))


def _spread_to_quads(cotangent: Array, quads: Array) -> Array:
    """Compare each place with the three others of its square."""
    first = np.array([True, False])
    left, top = first.reshape(1, 1, 1, 1, 2, 1), first.reshape(1, 1, 2, 1, 1, 1)
    chosen = True
    # Those that come later may be as large; across, as down, the upper row comes first.
    for axes, before in (((4,), left), ((2,), top), ((2, 4), top)):
        other = jax.lax.rev(quads, axes)
        chosen &= jnp.where(before, quads >= other, quads > other)
    return jnp.where(chosen, cotangent[:, :, None, :, None], 0)


def _linear(one: Primitive, transposed: Primitive) -> None:
    """Say that a primitive is linear in its first array, and what it is transposed."""

    def push(tangent: Array, _: Array, x: Array, **settings: Any) -> Array:
        return one.bind(tangent, x, **settings)

    def transpose(cotangent: Array, _: Any, x: Array, **settings: Any) -> tuple:
        return transposed.bind(cotangent, x, **settings), None

    # Where the largest value stands does not change with small changes of x.
    ad.defjvp(one, push, None)
    ad.primitive_transposes[one] = transpose


pool_p = primitive('max_pool', _pool, _pool_on_cpu, merges='first')
pick_p = primitive('max_pool_pick', _pick, _pick_on_cpu, merges='all')
spread_p = primitive('max_pool_spread', _spread, _spread_on_cpu, merges='all')
ad.defjvp(pool_p, lambda tangent, x, **settings: pick_p.bind(tangent, x, **settings))
_linear(pick_p, spread_p)
_linear(spread_p, pick_p)
