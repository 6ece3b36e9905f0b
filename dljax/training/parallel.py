"""The same learner over many devices: by a mesh and `jit`, or by `pmap`."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from dljax.training.learner import Learner
from dljax.types import Array, Batch, Key, Metrics, PyTree, State

AXIS = 'data'


def data_mesh(devices: Sequence[jax.Device] | None = None, fsdp: int = 1) -> Mesh:
    """Arrange devices into a mesh with the axes 'data' and 'fsdp'.

    Example:
        >>> import jax
        >>> dict(data_mesh(jax.devices()[:1]).shape)
        {'data': 1, 'fsdp': 1}

    Args:
        devices: all of this process's backend by default.
        fsdp: over how many of them each large parameter is split; divides their number.

    Returns:
        The mesh, with axes that the compiler fills in (Linen needs that).

    Raises:
        ValueError: where `fsdp` does not divide the number of devices.
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

    Args:
        learner: built without `axis`.
        mesh: with an axis 'data', and optionally 'fsdp'; see `data_mesh`.
        threshold: the smallest leaf that is worth splitting, in elements.

    Returns:
        The learner to call under `jit`, as `rounds` does.

    Raises:
        ValueError: for a mesh without 'data', or a batch that does not divide.
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
        _require_divisible(batch, mesh.size)
        return place(learner.init(key, batch), key, batch)

    def update(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        _require_divisible(batch, mesh.size)
        constrained = jax.lax.with_sharding_constraint(
            batch, jax.tree.map(lambda _: split, batch)
        )
        state, metrics = learner.update(key, state, constrained)
        whole = NamedSharding(mesh, PartitionSpec())
        metrics = jax.lax.with_sharding_constraint(
            metrics, jax.tree.map(lambda _: whole, metrics)
        )
        return place(state, key, batch), metrics

    return Learner(init, update)


def abstract(
    learner: Learner, mesh: Mesh, batch: Batch, *, threshold: int = 2**16
) -> tuple[Key, State, Batch]:
    """Describe what the update of `sharded` is called with, and where it lies.

    With that the update is compiled for devices that are not there:
    `jax.jit(train.update).lower(*abstract(...)).compile()`.

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

    Args:
        learner: the one that is given to `sharded`.
        mesh: as there; its devices may be those of a topology.
        batch: arrays, or shapes and types.
        threshold: as there.

    Returns:
        The arguments of the update, as shapes and types with shardings.

    Raises:
        ValueError: for a batch that does not divide over the devices.
    """
    _require_divisible(batch, mesh.size)
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


def replicated(
    learner: Learner, devices: Sequence[jax.Device] | None = None
) -> Learner:
    """Run the update by `pmap`: each device has the whole state and its share.

    The state keeps its ordinary form, so that checkpoints fit any number of devices.
    Gradients and metrics are averaged over the axis 'data' before the optimizer;
    BatchNorm has to be told (`axis_name='data'`), otherwise each device normalises by
    its own share and the running statistics are the first device's. Leaves shaped by
    the batch (recurrent carries) are split with it.

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

    Args:
        learner: built with `axis='data'`.
        devices: all local ones by default.

    Returns:
        The learner, to be called as such or under `jit`.

    Raises:
        ValueError: for a batch that does not divide over the devices.
    """
    devices = list(devices or jax.local_devices())
    parts = len(devices)
    mapped: dict[PyTree, Callable] = {}

    def init(key: Key, batch: Batch) -> State:
        _require_divisible(batch, parts)
        return learner.init(key, batch)

    def update(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        _require_divisible(batch, parts)
        leaves, treedef = jax.tree.flatten(_batch_axes(learner.init, key, batch, parts))
        axes = treedef.unflatten([None if axis < 0 else axis for axis in leaves])
        if (treedef, tuple(leaves)) not in mapped:
            mapped[treedef, tuple(leaves)] = jax.pmap(
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

        state, metrics = mapped[treedef, tuple(leaves)](
            key, each(split, state), jax.tree.map(split, batch)
        )
        return each(join, state), metrics

    return Learner(init, update)


def _shardings(
    init: Callable, state: State, key: Key, batch: Batch, mesh: Mesh, threshold: int
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
        _batch_axes(init, key, batch, mesh.size),
    )


def _require_divisible(batch: Batch, parts: int) -> None:
    for leaf in jax.tree.leaves(batch):
        if leaf.shape[0] % parts:
            raise ValueError(
                f'a batch of {leaf.shape[0]} does not divide over {parts} devices: '
                f'choose a multiple of {parts}, or fewer devices'
            )


def _batch_axes(init: Callable, key: Key, batch: Batch, parts: int) -> PyTree:
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
