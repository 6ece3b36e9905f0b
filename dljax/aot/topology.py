"""Devices that are not there: those of a named topology, as the compiler knows them."""

import importlib.util
import math
import os
import re
from typing import NamedTuple

import jax

from dljax.aot.chips import CHIPS, Chip
from dljax.types import Device

# The library of the TPU would else ask the cloud's servers what machine this is, and
# complain at length. What it is told has no effect on a topology that is named.
_ENVIRONMENT = {
    'TPU_SKIP_MDS_QUERY': '1',
    'TPU_WORKER_HOSTNAMES': 'localhost',
    'TPU_ACCELERATOR_TYPE': 'v5litepod-4',
}

_CUDA = ('jax_cuda12_plugin', 'jax_cuda13_plugin')
_GPUS_A_HOST = 8


class Topology(NamedTuple):
    """Chips, and how many of them.

    Attributes:
        name: such as 'v5e:2x2'.
        chip: the kind.
        chips: their number.
    """

    name: str
    chip: Chip
    chips: int


def read_topology(name: str) -> Topology:
    """Read the name of a topology.

    Args:
        name: kind of chip and numbers of chips along the axes, 'v5e:2x2'; of GPUs, up
            to eight or a multiple of it, 'h100:8'; or 'cpu:4' for virtual devices of
            this machine's processor.

    Returns:
        The topology.

    Raises:
        ValueError: for a name that is none.

    Example:
        >>> topology = read_topology('v5e:4x4')
        >>> topology.chips, topology.chip.memory // 2**30
        (16, 16)
    """
    kind, _, form = name.partition(':')
    axes = re.fullmatch(r'[1-9]\d*(x[1-9]\d*)*', form)
    flat = kind in ('cpu', 'h100')
    if kind not in CHIPS or axes is None or (flat and 'x' in form):
        forms = ', '.join(chip.form for chip in CHIPS.values())
        raise ValueError(f'there is no topology {name!r}, only those such as {forms}')
    return Topology(name, CHIPS[kind], math.prod(map(int, form.split('x'))))


def prepare(topology: Topology) -> None:
    """Set up this process for a topology, before anything starts a backend.

    Values are computed on the CPU, whatever else this machine has: it is not used.

    Args:
        topology: what will be compiled for.

    Raises:
        ImportError: without the compiler of the chips.
    """
    kind = topology.chip.name
    packages = {'cpu': (), 'h100': _CUDA}.get(kind, ('libtpu',))
    if packages and not any(importlib.util.find_spec(name) for name in packages):
        extra = 'cuda' if kind == 'h100' else 'tpu'
        raise ImportError(
            f'compiling for {topology.name} takes its compiler, {packages[0]}, which '
            f"is not installed: pip install 'dljax[{extra}]' in an environment of its "
            'own, since with it any program looks for such chips'
        )
    if packages == ('libtpu',):
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
    jax.config.update('jax_platforms', 'cpu')
    if topology.chip.name == 'cpu':
        try:
            jax.config.update('jax_num_cpu_devices', topology.chips)
        except RuntimeError:
            pass  # a backend runs already; `devices` tells whether it has enough


def devices(topology: Topology) -> list[Device]:
    """Give the devices of a topology, one for each chip.

    Args:
        topology: see `read_topology`; `prepare` has been called.

    Returns:
        The devices, on which nothing can be run unless they are of the CPU.

    Raises:
        ValueError: for a form that such chips do not come in, while another process
            compiles for TPUs, or for more devices of the CPU than this process was
            started with.
    """
    if topology.chip.name == 'cpu':
        there = jax.devices('cpu')
        if len(there) < topology.chips:
            raise ValueError(
                f'{topology.name} wants {topology.chips} devices, and this process was '
                f'started with {len(there)}: set JAX_NUM_CPU_DEVICES={topology.chips}'
            )
        return there[: topology.chips]
    from jax.experimental.topologies import get_topology_desc

    platform, name, options = _asked(topology)
    try:
        found = get_topology_desc(name, platform=platform, **options).devices
    except Exception as error:  # the plugin's own types, which are no one else's
        raise ValueError(
            f'no compiler for {topology.name}, wanted a form such as '
            f'{topology.chip.form}, and one process at a time where it is of TPUs: '
            f'{str(error).splitlines()[0]}'
        ) from error
    if len(found) != topology.chips:
        raise ValueError(
            f'{topology.name} has {len(found)} devices, wanted one for each of its '
            f'{topology.chips} chips'
        )
    return list(found)


def _asked(topology: Topology) -> tuple[str, str, dict[str, str]]:
    """Say how JAX is asked for the topology: platform, name and options."""
    chip = topology.chip
    if chip.name == 'h100':
        each = min(topology.chips, _GPUS_A_HOST)
        assert chip.configuration is not None  # else a GPU would have to be there
        form = f'1x{topology.chips // each}x{each}'
        return 'cuda', '', {'target_config': chip.configuration, 'topology': form}
    options = {'chip_config_name': chip.configuration} if chip.configuration else {}
    return 'tpu', topology.name, options
