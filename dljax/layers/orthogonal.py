"""Orthogonal initial weights of any floating type."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer

from dljax.types import Array, Key


def orthogonal(scale: float = 1.0, column_axis: int = -1) -> Initializer:
    """Make an initialiser of matrices with orthonormal rows or columns.

    JAX's decomposes a matrix of the type that is asked for, which no half precision
    can be; this one decomposes in float32 at least, and casts what comes of it.

    Args:
        scale: what the matrices are multiplied by.
        column_axis: the axis of the outputs; the others are joined to that of inputs.

    Returns:
        The initialiser: the key, a shape of two axes or more, and a type that defaults
        to float32, to the weights.

    Reference:
        Saxe et al. (2014), Exact Solutions to the Nonlinear Dynamics of Learning in
        Deep Linear Neural Networks, https://arxiv.org/abs/1312.6120

    Example:
        >>> import jax, jax.numpy as jnp
        >>> made = orthogonal()(jax.random.key(0), (3, 2), jnp.float16)
        >>> made.dtype, bool(jnp.allclose(made.T @ made, jnp.eye(2), atol=1e-2))
        (dtype('float16'), True)
    """
    decomposed = nn.initializers.orthogonal(scale, column_axis)

    def initialise(
        key: Key, shape: Any, dtype: Any = None, out_sharding: Any = None
    ) -> Array:
        kind = jnp.dtype(jnp.float32 if dtype is None else dtype)
        wide = jnp.promote_types(kind, jnp.float32)
        return decomposed(key, shape, wide, out_sharding).astype(kind)

    return initialise
