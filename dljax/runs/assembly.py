"""What a run trains with, put together as its options ask."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.sharding import Mesh

from dljax.experiment import Experiment, Options
from dljax.kernels.tracing import traced_once
from dljax.models.fields import reconfigured
from dljax.training import (
    Learner,
    data_mesh,
    ensemble,
    learner,
    mapped,
    replicated,
    sharded,
)
from dljax.training.division import AXIS
from dljax.training.hosts import joint, replicate
from dljax.training.plateau import adjustable
from dljax.types import AnyBatch, Device, Key, Position, Source


@dataclasses.dataclass(frozen=True)
class Assembly:
    """All that a run trains with, put together as its options ask.

    Attributes:
        experiment: what is trained.
        options: of the run.
        net: with the precision of the options.
        learner: that trains it.
        source: of the learner's batches.
        key: the root key of the run.
        sample: what this process reads of a batch of the experiment's source.
        first: the key and the batch that `learner.init` takes.
        position: where the source starts.
        examples: in one update, over all members.
    """

    experiment: Experiment
    options: Options
    net: nn.Module
    learner: Learner
    source: Source
    key: Key
    sample: AnyBatch
    first: tuple[Key, AnyBatch]
    position: Position
    examples: int


def assemble(experiment: Experiment, options: Options) -> Assembly:
    """Put together what a run trains with.

    Args:
        experiment: what is trained.
        options: of the run.

    Raises:
        ValueError: for more devices than there are, or options that exclude each other.
    """
    net = prepare(experiment.net, options, AXIS)
    train, source, mesh = _learner(experiment, net, options)
    key = jax.random.key(options.seed)
    position, batch = source.init(key)
    sample = _sample(experiment.source, key)
    first, examples = (key, batch), len(jax.tree.leaves(sample)[0])
    if mesh is not None and jax.process_count() > 1:
        first = replicate(key, mesh), batch if source.host else replicate(batch, mesh)
        position = jax.tree.map(np.asarray, position)
        examples = len(jax.tree.leaves(batch)[0])
    return Assembly(
        experiment=experiment,
        options=options,
        net=net,
        learner=train,
        source=source,
        key=key,
        sample=sample,
        first=first,
        position=position,
        examples=examples * options.members,
    )


def _sample(source: Source, key: Key) -> AnyBatch:
    """Draw what this process will read of a batch."""
    count = jax.process_count()
    if count > 1 and source.part is not None:
        source = source.part(jax.process_index(), count)
    return source.init(key)[1]


def _learner(
    experiment: Experiment, net: nn.Module, options: Options
) -> tuple[Learner, Source, Mesh | None]:
    """Build the learner and its source, and the mesh of several devices, if any."""
    source, count = experiment.source, jax.process_count()
    if options.devices > jax.local_device_count():
        raise ValueError(
            f'devices={options.devices}, but there are {jax.local_device_count()}: '
            'on a CPU, set JAX_NUM_CPU_DEVICES before Python starts'
        )
    if count > 1 and (options.parallel == 'pmap' or options.members > 1):
        raise ValueError(
            f'parallel={options.parallel!r} and members={options.members} in {count} '
            "processes, wanted 'jit' and 1: others are for one process"
        )
    if experiment.may_diverge and options.on_nan != 'raise':
        raise ValueError(
            f'on_nan={options.on_nan!r} with players that may diverge '
            f"{experiment.may_diverge}, wanted 'raise': theirs are not passed over"
        )
    devices = _devices(options.devices)
    mesh = (
        data_mesh(devices) if options.parallel == 'jit' and len(devices) > 1 else None
    )
    each = mesh is not None and options.batch_statistics == 'device'
    axis = AXIS if options.parallel == 'pmap' or each else None
    players = (
        adjustable(experiment.players) if experiment.plateau else experiment.players
    )
    train = learner(net, players, axis=axis, start=experiment.start)
    if options.parallel == 'pmap':
        train = replicated(train, devices)
    elif mesh is not None:
        train = mapped(train, mesh) if each else sharded(train, mesh)
    if count > 1 and source.host:
        assert mesh is not None  # of the devices of several processes
        source = joint(source, mesh)
    if options.members > 1:
        train, source = ensemble(train, source, options.members)
    if options.parallel != 'pmap':
        # The learner is the run's alone: no other training can meet an old trace.
        train = train._replace(update=traced_once(train.update))
    return train, source, mesh


def _devices(each: int) -> list[Device]:
    """Take so many devices of each process."""
    by_process: dict[int, list[Device]] = {}
    for device in jax.devices():
        by_process.setdefault(device.process_index, []).append(device)
    return [device for own in by_process.values() for device in own[:each]]


def prepare(net: nn.Module, options: Options, axis: str) -> nn.Module:
    """Set a net's precision and, under pmap, the axis of its batch statistics.

    Args:
        net: as the experiment made it.
        options: of the run.
        axis: the name of the mapped axis.

    Returns:
        The net to train.
    """
    settings = {}
    if options.precision == 'bfloat16':
        settings['dtype'] = jnp.bfloat16
    if options.parallel == 'pmap' and options.batch_statistics == 'global':
        settings['axis_name'] = axis
    return reconfigured(net, **settings)
