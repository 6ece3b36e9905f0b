"""Arrays that lie on the devices of several processes."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dljax.types import AnyBatch, Array, Batch, Key, Position, PyTree, Source, State


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """Put arrays that all processes hold alike on every device of a mesh.

    Args:
        tree: of arrays.
        mesh: over devices of several processes.

    Returns:
        The arrays, replicated.
    """
    whole = NamedSharding(mesh, PartitionSpec())
    if whole.is_fully_addressable:
        return jax.device_put(tree, whole)

    def one(leaf: PyTree) -> Array:
        if isinstance(leaf, jax.Array):
            if not leaf.is_fully_addressable:
                return leaf
            if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                words = one(jax.random.key_data(leaf))
                return jax.random.wrap_key_data(words, impl=jax.random.key_impl(leaf))
        values = np.asarray(leaf)
        return jax.make_array_from_callback(
            values.shape, whole, lambda index: values[index]
        )

    return jax.tree.map(one, tree)


def gather(tree: PyTree) -> PyTree:
    """Give what is spread over processes to each of them whole, on one device.

    Every process has to call it at the same time. With one process it does nothing.

    Args:
        tree: of arrays, replicated or split.

    Returns:
        Arrays on a device of this process.
    """
    if jax.process_count() == 1:
        return tree

    def whole(leaf: PyTree) -> PyTree:
        if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
            return leaf
        if not leaf.is_fully_replicated:
            assert isinstance(leaf.sharding, NamedSharding)  # as a mesh splits it
            beside = NamedSharding(leaf.sharding.mesh, PartitionSpec())
            leaf = jax.jit(lambda x: x, out_shardings=beside)(leaf)
        return leaf.addressable_data(0)

    return jax.tree.map(whole, tree)


def joint(source: Source, mesh: Mesh) -> Source:
    """Let each process read its part of the batches, and join the parts on the devices.

    Args:
        source: on the host; where it has no `part`, each process reads all of a batch
            and keeps its own rows.
        mesh: whose devices share the batch, as many of each process.

    Returns:
        A source on the host, of arrays that span the processes.

    Raises:
        ValueError: where the batch does not divide over the processes.
    """
    index, count = jax.process_index(), jax.process_count()
    split = NamedSharding(mesh, PartitionSpec(tuple(mesh.axis_names)))
    part, whole = source.part, source.part is None
    own = source if part is None else part(index, count)

    def joined(batch: AnyBatch) -> Batch:
        def one(leaf: np.ndarray) -> jax.Array:
            leaf = np.asarray(leaf)
            if whole:
                if len(leaf) % count:
                    raise ValueError(
                        f'a batch of {len(leaf)} does not divide over {count} '
                        'processes: choose a batch size that is a multiple of it'
                    )
                share = len(leaf) // count
                leaf = leaf[index * share : (index + 1) * share]
            return jax.make_array_from_process_local_data(split, leaf)

        return jax.tree.map(one, batch)

    def init(key: Key) -> tuple[Position, Batch]:
        position, batch = own.init(key)
        return position, joined(batch)

    known: tuple[Key, Key] | None = None  # a key, and the same on this process

    def following(key: Key, position: Position, state: State) -> tuple[Position, Batch]:
        nonlocal known
        if known is None or known[0] is not key:  # sources know a key by its identity
            known = key, gather(key)
        position, batch = own.next(known[1], position, state)
        return position, joined(batch)

    return Source(init, following, host=True)
