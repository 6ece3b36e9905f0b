"""The learner and the source of a run, put together as its options ask."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.sharding import Mesh

from dljax.experiment import Experiment, Options
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
from dljax.training.hosts import joint
from dljax.training.plateau import adjustable
from dljax.types import Source


def assembled(
    experiment: Experiment, net: nn.Module, options: Options
) -> tuple[Learner, Source, Mesh | None]:
    """Build the learner that the options ask for, and the mesh of several processes.

    Args:
        experiment: what is trained.
        net: as it is prepared for these options.
        options: of the run.

    Returns:
        The learner, the source and the mesh, or None where one device trains.

    Raises:
        ValueError: for more devices than there are, or options that exclude each other.
    """
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
        source = joint(source, mesh)
    if options.members > 1:
        train, source = ensemble(train, source, options.members)
    return train, source, mesh


def _devices(each: int) -> list[jax.Device]:
    """Take so many devices of each process."""
    by_process: dict[int, list[jax.Device]] = {}
    for device in jax.devices():
        by_process.setdefault(device.process_index, []).append(device)
    return [device for own in by_process.values() for device in own[:each]]


def prepared(net: nn.Module, options: Options, axis: str) -> nn.Module:
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
