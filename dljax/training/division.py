"""How a batch, and the leaves of a state that it shapes, divide over devices."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from dljax.types import AnyBatch, Array, Key, PyTree

AXIS = 'data'  # over which a batch is split
# A batch of which shapes and types are known.
Forms = Mapping[str, jax.ShapeDtypeStruct]


def require_divisible(batch: AnyBatch | Forms, parts: int) -> None:
    """Refuse a batch that does not divide over so many devices."""
    for leaf in jax.tree.leaves(batch):
        if leaf.shape[0] % parts:
            raise ValueError(
                f'a batch of {leaf.shape[0]} does not divide over {parts} devices: '
                f'choose a multiple of {parts}, or fewer devices'
            )


def batch_axes(init: Callable, key: Key, batch: AnyBatch | Forms, parts: int) -> PyTree:
    """Find, for each leaf of the state, the axis that grows with the batch, or -1."""

    def axis(whole: jax.ShapeDtypeStruct, part: jax.ShapeDtypeStruct) -> int:
        pairs = zip(whole.shape, part.shape, strict=True)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), -1)

    def shrunk(leaf: Array) -> jax.ShapeDtypeStruct:
        shape = (leaf.shape[0] // parts, *leaf.shape[1:])
        return jax.ShapeDtypeStruct(shape, jnp.result_type(leaf))

    whole = jax.eval_shape(init, key, batch)
    if parts == 1:
        return jax.tree.map(lambda _: -1, whole)
    return jax.tree.map(
        axis, whole, jax.eval_shape(init, key, jax.tree.map(shrunk, batch))
    )
