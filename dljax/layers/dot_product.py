"""Scaled dot-product attention of arrays, and masks that say what may be read."""

from typing import Literal

import jax
import jax.numpy as jnp

from dljax.types import Array

Implementation = Literal['xla', 'cudnn'] | None


def length_mask(lengths: Array, time: int) -> Array:
    """Let steps be read that are no padding.

    Args:
        lengths: [batch] integers, true steps of each sequence.
        time: steps of the padded sequences.

    Returns:
        [batch, 1, 1, time] bool, for all heads and queries.

    Example:
        >>> import jax.numpy as jnp
        >>> print(length_mask(jnp.array([1, 3]), 3)[:, 0, 0].astype(int))
        [[1 0 0]
         [1 1 1]]
    """
    return (jnp.arange(time)[None] < lengths[:, None])[:, None, None]


def causal_mask(positions: Array, time: int) -> Array:
    """Let steps be read that are not later than the one that reads.

    Args:
        positions: [batch, steps] integers, those that read; [1, steps] for all.
        time: steps that may be read, at the positions 0, 1, ...

    Returns:
        [batch, 1, steps, time] bool, for all heads.

    Example:
        >>> import jax.numpy as jnp
        >>> print(causal_mask(jnp.arange(3)[None], 3)[0, 0].astype(int))
        [[1 0 0]
         [1 1 0]
         [1 1 1]]
    """
    return (jnp.arange(time)[None, None] <= positions[:, :, None])[:, None]


def attention_weights(query: Array, key: Array, mask: Array | None = None) -> Array:
    """Tell how much each query reads of each key: softmax(q k^T / √d).

    Args:
        query: [batch, steps, heads, features] float.
        key: [batch, time, heads, features] float.
        mask: bool that broadcasts to [batch, heads, steps, time], what may be read;
            None for all.

    Returns:
        [batch, heads, steps, time] float32 (float64 of float64) in [0, 1], of sum 1 in
        each row, or 0 in a row that may read nothing.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.ones((1, 2, 1, 4))
        >>> print(attention_weights(x, x, jnp.array([[[[True], [False]]]]))[0, 0])
        [[0.5 0.5]
         [0.  0. ]]
    """
    query, key = jnp.asarray(query), jnp.asarray(key)
    kind = jnp.promote_types(query.dtype, jnp.float32)
    scores = jnp.einsum('bqhd,bkhd->bhqk', query, key, preferred_element_type=kind)
    scores = scores / query.shape[-1] ** 0.5
    if mask is None:
        return jax.nn.softmax(scores)
    lowest = jnp.finfo(kind).min  # not -∞, whose difference to itself is NaN
    return jnp.where(mask, jax.nn.softmax(jnp.where(mask, scores, lowest)), 0.0)


def read_values(weights: Array, value: Array) -> Array:
    """Average values by weights.

    Args:
        weights: [batch, heads, steps, time], such as `attention_weights`.
        value: [batch, time, heads, features] float.

    Returns:
        [batch, steps, heads, features] of the type of the values.
    """
    return jnp.einsum('bhqk,bkhd->bqhd', weights.astype(value.dtype), value)


def attend(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    *,
    causal: bool = False,
    implementation: Implementation = None,
) -> Array:
    """Read the values by `attention_weights`, which need not be held in memory.

    Args:
        query: [batch, steps, heads, features] float.
        key: [batch, time, heads, features] float.
        value: [batch, time, heads, features] float.
        mask: bool that broadcasts to [batch, heads, steps, time], what may be read;
            None for all.
        causal: whether a step reads none that is later; steps and time are one then.
        implementation: of `jax.nn.dot_product_attention`: 'xla', 'cudnn' on NVIDIA GPUs
            in types of 16 bits, or None for its choice.

    Returns:
        [batch, steps, heads, features]; 0 for a query that may read nothing.

    Example:
        >>> import jax.numpy as jnp
        >>> x, value = jnp.ones((1, 2, 1, 4)), jnp.arange(2.)[None, :, None, None]
        >>> print(attend(x, x, value * x)[0, :, 0, 0])
        [0.5 0.5]
    """
    query, key, value = jnp.asarray(query), jnp.asarray(key), jnp.asarray(value)
    if query.dtype == jnp.float64:  # JAX takes the softmax in float32 whatever the type
        if causal:
            earlier = causal_mask(jnp.arange(query.shape[1])[None], key.shape[1])
            mask = earlier if mask is None else earlier & mask
        return read_values(attention_weights(query, key, mask), value)
    read = jax.nn.dot_product_attention(
        query, key, value, mask=mask, is_causal=causal, implementation=implementation
    )
    if mask is None:
        return read
    some = jnp.swapaxes(mask.any(axis=-1, keepdims=True), 1, 2)
    return jnp.where(some, read, jnp.zeros_like(read))
