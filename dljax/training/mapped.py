"""The same learner on each of many devices, with a part of the batch."""

from collections.abc import Callable, Sequence

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dljax.training.division import AXIS, batch_axes, require_divisible
from dljax.training.learner import Learner
from dljax.training.position import passed_by
from dljax.types import Array, Batch, Device, Key, Metrics, PyTree, State


def mapped(learner: Learner, mesh: Mesh) -> Learner:
    """Run the update by `shard_map`: each device has the state and a part of the batch.

    What `replicated` computes, compiled as one program over a mesh, which may span
    processes. Where `sharded` normalises by the statistics of the whole batch, here
    each device does by its own part, unless BatchNorm has the axis 'data'; then
    nothing but gradients, metrics and running statistics is sent, once an update.

    Args:
        learner: built with `axis='data'`.
        mesh: with the axis 'data'; see `data_mesh`.

    Returns:
        The learner to call under `jit`, as `rounds` does.

    Raises:
        ValueError: for a mesh that is split otherwise, or a batch that does not divide
            over its devices.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from flax import linen as nn
        >>> from dljax.training import Player, data_mesh, learner
        >>> def fit_line(net, batch, step):
        ...     return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}
        >>> player = Player(optax.sgd(.25), loss=fit_line)
        >>> each = learner(nn.Dense(1), {'line': player}, axis='data')
        >>> train = mapped(each, data_mesh())
        >>> key, x = jax.random.key(0), jnp.ones((8, 1))
        >>> state = jax.jit(train.init)(key, {'x': x, 'y': 2. * x})
        >>> state, _ = jax.jit(train.update)(key, state, {'x': x, 'y': 2. * x})
        >>> f"{(state.params['kernel'] + state.params['bias']).item():.2f}"
        '2.00'
    """
    if mesh.shape.get(AXIS) != mesh.size:
        raise ValueError(
            f"the mesh is {dict(mesh.shape)}, wanted all devices on the axis 'data': "
            'each of them has the whole state'
        )

    def specs(key: Key, batch: Batch) -> PyTree:
        require_divisible(batch, mesh.size)
        axes = batch_axes(learner.init, key, batch, mesh.size)
        return jax.tree.map(
            lambda axis: PartitionSpec(*[None] * axis, *[AXIS] * (axis >= 0)), axes
        )

    def init(key: Key, batch: Batch) -> State:
        places = jax.tree.map(lambda spec: NamedSharding(mesh, spec), specs(key, batch))
        return jax.lax.with_sharding_constraint(learner.init(key, batch), places)

    def update(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        divided = specs(key, batch)
        each = jax.shard_map(
            learner.update,
            mesh=mesh,
            in_specs=(PartitionSpec(), divided, PartitionSpec(AXIS)),
            out_specs=(divided, PartitionSpec()),
            check_vma=False,  # the learner averages what has to be the same everywhere
        )
        return each(key, state, batch)

    return Learner(init, passed_by(update), learner.check)


def replicated(learner: Learner, devices: Sequence[Device] | None = None) -> Learner:
    """Run the update by `pmap`: each device has the state and a part of the batch.

    The state keeps its ordinary form, so that checkpoints fit any number of devices.
    Gradients and metrics are averaged over the axis 'data' before the optimizer;
    BatchNorm has to be told (`axis_name='data'`), otherwise each device normalises by
    its own part, and the running statistics are the mean of the devices'. Leaves
    shaped by the batch (recurrent carries) are split with it.

    Args:
        learner: built with `axis='data'`.
        devices: all local ones by default.

    Returns:
        The learner, to be called as such or under `jit`.

    Raises:
        ValueError: for a batch that does not divide over the devices.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from flax import linen as nn
        >>> from dljax.training import Player, learner
        >>> def fit_line(net, batch, step):
        ...     return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}
        >>> player = Player(optax.sgd(.25), loss=fit_line)
        >>> train = replicated(learner(nn.Dense(1), {'line': player}, axis='data'))
        >>> key, x = jax.random.key(0), jnp.ones((8, 1))
        >>> state = train.init(key, {'x': x, 'y': 2. * x})
        >>> state, _ = train.update(key, state, {'x': x, 'y': 2. * x})
        >>> f"{(state.params['kernel'] + state.params['bias']).item():.2f}"
        '2.00'
    """
    devices = list(devices or jax.local_devices())
    parts = len(devices)
    programs: dict[PyTree, Callable] = {}

    def init(key: Key, batch: Batch) -> State:
        require_divisible(batch, parts)
        return learner.init(key, batch)

    def update(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        require_divisible(batch, parts)
        leaves, treedef = jax.tree.flatten(batch_axes(learner.init, key, batch, parts))
        axes = treedef.unflatten([None if axis < 0 else axis for axis in leaves])
        if (treedef, tuple(leaves)) not in programs:
            programs[treedef, tuple(leaves)] = jax.pmap(
                learner.update,
                AXIS,
                in_axes=(None, axes, 0),
                out_axes=(axes, None),
                devices=devices,
            )

        def each(function: Callable, state: State) -> State:
            split = [
                leaf if axis < 0 else function(leaf, axis)
                for leaf, axis in zip(jax.tree.leaves(state), leaves, strict=True)
            ]
            return treedef.unflatten(split)

        def split(leaf: Array, axis: int = 0) -> Array:
            shape = leaf.shape
            return leaf.reshape(*shape[:axis], parts, -1, *shape[axis + 1 :])

        def join(leaf: Array, axis: int) -> Array:
            shape = leaf.shape
            return leaf.reshape(*shape[:axis], -1, *shape[axis + 2 :])

        state, metrics = programs[treedef, tuple(leaves)](
            key, each(split, state), jax.tree.map(split, batch)
        )
        return each(join, state), metrics

    return Learner(init, passed_by(update), learner.check)
