"""The same learner over a mesh of devices: the compiler divides the work."""

from collections.abc import Callable, Sequence

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from dljax.kernels.rows import parted_batches
from dljax.training.division import AXIS, Forms, batch_axes, require_divisible
from dljax.training.learner import Learner
from dljax.training.position import passed_by
from dljax.types import AnyBatch, Array, Batch, Device, Key, Metrics, PyTree, State


def data_mesh(devices: Sequence[Device] | None = None, fsdp: int = 1) -> Mesh:
    """Arrange devices into a mesh with the axes 'data' and 'fsdp'.

    Args:
        devices: all of this process's backend by default.
        fsdp: over how many of them each large parameter is split; divides their number.

    Returns:
        The mesh, with axes that the compiler fills in (Linen needs that).

    Raises:
        ValueError: where `fsdp` does not divide the number of devices.

    Example:
        >>> import jax
        >>> dict(data_mesh(jax.devices()[:1]).shape)
        {'data': 1, 'fsdp': 1}
    """
    devices = list(devices or jax.devices())
    if fsdp < 1 or len(devices) % fsdp:
        raise ValueError(f'fsdp={fsdp} does not divide {len(devices)} devices')
    return jax.make_mesh(
        (len(devices) // fsdp, fsdp),
        (AXIS, 'fsdp'),
        axis_types=(AxisType.Auto,) * 2,
        devices=devices,
    )


def sharded(learner: Learner, mesh: Mesh, *, threshold: int = 2**16) -> Learner:
    """Split the batch over a mesh; the compiler adds the communication.

    The batch's first axis is split over all axes of the mesh. The state is replicated,
    except that with an axis 'fsdp' of more than one device each leaf of at least
    `threshold` elements is split over it on its largest divisible axis, and that leaves
    shaped by the batch (recurrent carries) are split with it. The numbers are those of
    one device, batch statistics included, up to the order of summation.

    Args:
        learner: built without `axis`.
        mesh: with an axis 'data', and optionally 'fsdp'; see `data_mesh`.
        threshold: the smallest leaf that is worth splitting, in elements.

    Returns:
        The learner to call under `jit`, as `rounds` does.

    Raises:
        ValueError: for a mesh without 'data', or a batch that does not divide.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from flax import linen as nn
        >>> from dljax.training import Player, learner
        >>> def fit_line(net, batch, step):
        ...     return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}
        >>> line = learner(nn.Dense(1), {'line': Player(optax.sgd(.5), loss=fit_line)})
        >>> train = sharded(line, data_mesh())
        >>> key, x = jax.random.key(0), jnp.ones((8, 1))
        >>> state = jax.jit(train.init)(key, {'x': x, 'y': 2. * x})
        >>> state, _ = jax.jit(train.update)(key, state, {'x': x, 'y': 2. * x})
        >>> int(state.step), len(state.step.devices()) == len(jax.devices())
        (1, True)
    """
    if AXIS not in mesh.axis_names:
        raise ValueError(
            f"the mesh has axes {mesh.axis_names}, wanted one called 'data'"
        )
    split = NamedSharding(mesh, PartitionSpec(tuple(mesh.axis_names)))

    def place(state: State, key: Key, batch: Batch) -> State:
        shardings = _shardings(learner.init, state, key, batch, mesh, threshold)
        return jax.lax.with_sharding_constraint(state, shardings)

    def init(key: Key, batch: Batch) -> State:
        require_divisible(batch, mesh.size)
        return place(learner.init(key, batch), key, batch)

    def update(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        require_divisible(batch, mesh.size)
        constrained = jax.lax.with_sharding_constraint(
            batch, jax.tree.map(lambda _: split, batch)
        )
        with parted_batches(mesh.size > 1):
            state, metrics = learner.update(key, state, constrained)
        whole = NamedSharding(mesh, PartitionSpec())
        metrics = jax.lax.with_sharding_constraint(
            metrics, jax.tree.map(lambda _: whole, metrics)
        )
        return place(state, key, batch), metrics

    return Learner(init, passed_by(update), learner.check)


def abstract(
    learner: Learner, mesh: Mesh, batch: AnyBatch | Forms, *, threshold: int = 2**16
) -> tuple[jax.ShapeDtypeStruct, State, Forms]:
    """Describe what the update over a mesh is called with, and where it lies.

    With that the update is compiled for devices that are not there:
    `jax.jit(train.update).lower(*abstract(...)).compile()`.

    Args:
        learner: the one that is given to `sharded` or `mapped`.
        mesh: as there; its devices may be those of a topology.
        batch: arrays, or shapes and types.
        threshold: as there.

    Returns:
        The arguments of the update, as shapes and types with shardings.

    Raises:
        ValueError: for a batch that does not divide over the devices.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from flax import linen as nn
        >>> from dljax.training import Player, learner
        >>> def fit_line(net, batch, step):
        ...     return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}
        >>> line = learner(nn.Dense(1), {'line': Player(optax.sgd(.5), loss=fit_line)})
        >>> x = jax.ShapeDtypeStruct((8, 1), jnp.float32)
        >>> _, state, _ = abstract(line, data_mesh(), {'x': x, 'y': x})
        >>> kernel = state.params['kernel']
        >>> kernel.shape, kernel.sharding.is_fully_replicated
        ((1, 1), True)
    """
    require_divisible(batch, mesh.size)
    key = jax.eval_shape(jax.random.key, 0)
    state = jax.eval_shape(learner.init, key, batch)
    shardings = _shardings(learner.init, state, key, batch, mesh, threshold)
    split = NamedSharding(mesh, PartitionSpec(tuple(mesh.axis_names)))

    def placed(leaf: Array, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    return (
        placed(key, NamedSharding(mesh, PartitionSpec())),
        jax.tree.map(placed, state, shardings),
        jax.tree.map(lambda leaf: placed(leaf, split), dict(batch)),
    )


def _shardings(
    init: Callable,
    state: State,
    key: Key,
    batch: AnyBatch | Forms,
    mesh: Mesh,
    threshold: int,
) -> PyTree:
    """Say where each leaf of the state lies, see `sharded`."""
    axes, fsdp = tuple(mesh.axis_names), mesh.shape.get('fsdp', 1)

    def spec(leaf: Array, axis: int) -> PartitionSpec:
        if axis >= 0:
            return PartitionSpec(*[None] * axis, axes)
        divisible = [i for i, n in enumerate(leaf.shape) if n % fsdp == 0]
        if fsdp > 1 and leaf.size >= threshold and divisible:
            axis = max(divisible, key=lambda i: leaf.shape[i])
            return PartitionSpec(*[None] * axis, 'fsdp')
        return PartitionSpec()

    return jax.tree.map(
        lambda leaf, axis: NamedSharding(mesh, spec(leaf, axis)),
        state,
        batch_axes(init, key, batch, mesh.size),
    )
