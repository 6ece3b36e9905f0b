"""Sources that cost next to nothing: batches of a set one after the other."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dljax.types import Array, Source


def in_order(arrays: Mapping[str, np.ndarray], size: int, host: bool = False) -> Source:
    """Give the batches of a set in its own order, again and again.

    Args:
        arrays: [example, ...] by feature.
        size: of a batch, a divisor of the examples.
        host: whether they are read on the host, by NumPy.
    """
    examples = len(next(iter(arrays.values())))
    first = {name: values[:size] for name, values in arrays.items()}
    if host:

        def reading(key: Any, position: int, state: Any) -> tuple:
            start = int(position) * size % examples
            batch = {name: arrays[name][start : start + size] for name in arrays}
            return int(position) + 1, batch

        return Source(lambda key: (0, first), reading, host=True, arrays=arrays)
    placed = {name: jnp.asarray(values) for name, values in arrays.items()}

    def following(key: Any, position: Array, state: Any) -> tuple:
        start = position * size % examples
        batch = {
            name: jax.lax.dynamic_slice_in_dim(values, start, size)
            for name, values in placed.items()
        }
        return position + 1, batch

    return Source(lambda key: (jnp.int32(0), first), following, arrays=placed)


def by_key(arrays: Mapping[str, np.ndarray], size: int) -> Source:
    """Give the batches in order, but begin with one that the key chooses."""
    ordered, count = in_order(arrays, size), len(next(iter(arrays.values()))) // size

    def following(key: Array, position: Array, state: Any) -> tuple:
        first = jax.random.key_data(key)[-1] % count
        _, batch = ordered.next(key, position + first.astype(jnp.int32), state)
        return position + 1, batch

    @jax.jit
    def init(key: Array) -> tuple:
        position = jnp.int32(0)
        return position, following(key, position, None)[1]

    return Source(init, following, arrays=ordered.arrays)


def at_once(source: Source) -> Source:
    """Let a traced source begin in one program, not operation by operation."""
    return source._replace(init=jax.jit(source.init))
