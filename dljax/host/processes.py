"""Several processes that train together: how they find each other, and who writes.

Each process runs the same program with devices of its own. What it computes spans all
of them; what it reads and writes is its own.
"""

import ipaddress
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dljax.host.scratch import scratch

ADDRESS, COUNT, NUMBER = (
    'JAX_COORDINATOR_ADDRESS',
    'JAX_NUM_PROCESSES',
    'JAX_PROCESS_ID',
)
BIND = 'JAX_COORDINATOR_BIND_ADDRESS'
PATIENCE = 'DLJAX_HEARTBEAT_SECONDS'
HEARTBEAT = 20  # seconds without a word from a process, after which the others give up
# Variables by which clusters whose processes JAX finds by itself tell how many tasks
# there are, besides the one that says that it is such a cluster.
_CLUSTERS = {
    'SLURM_STEP_NODELIST': 'SLURM_NTASKS',
    'OMPI_MCA_orte_hnp_uri': 'OMPI_COMM_WORLD_SIZE',
}


def count_expected(environment: Mapping[str, str]) -> int:
    """Tell how many processes an environment speaks of.

    Those of `dljax launch`, of Slurm, of Open MPI, of an indexed Kubernetes job and of
    a TPU pod are known. An interactive job of one task is one process.

    Args:
        environment: of this process.

    Returns:
        Their number; 2 where there are several and only JAX can find out how many.

    Raises:
        ValueError: where the variables of `dljax launch` are not all there.

    Example:
        >>> count_expected({'SLURM_STEP_NODELIST': 'node[1-4]', 'SLURM_NTASKS': '4'})
        4
        >>> count_expected({})
        1
    """
    given = [name for name in (ADDRESS, COUNT, NUMBER) if name in environment]
    if 0 < len(given) < 3 and COUNT in given:
        missing = {ADDRESS, COUNT, NUMBER} - set(given)
        raise ValueError(
            f'{" and ".join(given)} are set but {" and ".join(sorted(missing))} are '
            'not, wanted all three or none: `dljax launch` sets them'
        )
    if len(given) == 3:
        return int(environment[COUNT])
    for sign, count in _CLUSTERS.items():
        if sign in environment:
            return int(environment.get(count, 1))
    if {'KUBERNETES_SERVICE_HOST', 'JOB_COMPLETION_INDEX'} <= environment.keys():
        return 2
    hosts = environment.get('TPU_WORKER_HOSTNAMES', '')
    return max(1, len([host for host in hosts.split(',') if host]))


def join(environment: Mapping[str, str] | None = None) -> int:
    """Meet the other processes, if the environment speaks of any.

    It has to be called before anything asks for a device. On a CPU they exchange arrays
    by Gloo, which comes with JAX. The first process listens as `listening` says, unless
    JAX_COORDINATOR_BIND_ADDRESS says where. A process that is stopped or hangs is given
    up after DLJAX_HEARTBEAT_SECONDS.

    Args:
        environment: that of the process by default.

    Returns:
        How many processes there are.

    Raises:
        ValueError: see `count_expected`.
    """
    import jax

    environment = os.environ if environment is None else environment
    many = count_expected(environment)
    if many < 2:
        return 1
    if not jax.distributed.is_initialized():
        jax.config.update('jax_cpu_collectives_implementation', 'gloo')
        patience = _heartbeat(environment)
        if COUNT in environment:
            address = environment[ADDRESS]
            jax.distributed.initialize(
                address,
                many,
                int(environment[NUMBER]),
                coordinator_bind_address=environment.get(BIND) or listening(address),
                heartbeat_timeout_seconds=patience,
            )
        else:
            jax.distributed.initialize(heartbeat_timeout_seconds=patience)
    return jax.process_count()


def listening(address: str) -> str | None:
    """Tell where the first process listens, given where the others call it.

    Args:
        address: HOST:PORT, as all processes are told.

    Returns:
        The same place, and no other interface of the machine; None, for JAX's default
        of all of them, where the name of the host is not its own address here, as
        behind a service of a cluster, or where this host calls itself a loopback.

    Example:
        >>> listening('127.0.0.1:1234')
        '127.0.0.1:1234'
        >>> listening('192.0.2.1:1234') is None  # no address of this machine
        True
    """
    host, _, port = address.rpartition(':')
    host = host.strip('[]')
    try:
        family, *_, place = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as tried:
            tried.bind((place[0], 0))
    except OSError:
        return None
    found = ipaddress.ip_address(str(place[0]).partition('%')[0])
    if found.is_loopback and host not in ('localhost', place[0]):
        return None
    return f'[{found}]:{port}' if found.version == 6 else f'{found}:{port}'


def _heartbeat(environment: Mapping[str, str]) -> int:
    said = environment.get(PATIENCE, str(HEARTBEAT))
    if not said.isdigit() or int(said) < 2:
        raise ValueError(f"{PATIENCE} is '{said}', wanted whole seconds, 2 or more")
    return int(said)


def is_first() -> bool:
    """Tell whether this process is the one that writes and speaks."""
    import jax

    return jax.process_index() == 0


def wait_for_all(name: str) -> None:
    """Wait until every process has come as far as here.

    Args:
        name: of the place, the same in all of them.
    """
    import jax

    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(name)


def agreed(signal: int | None, *, ask: bool) -> int | None:
    """Let all processes know of a signal that some of them received.

    Args:
        signal: that this one received, if any.
        ask: whether to ask the others now; the same in all of them.

    Returns:
        The signal, if all are to heed it now; alone, a process heeds its own at once.
    """
    import jax
    import numpy as np

    if jax.process_count() == 1:
        return signal
    if not ask:
        return None
    from jax.experimental import multihost_utils

    found = multihost_utils.process_allgather(np.int32(signal or 0))
    return int(np.max(found)) or None


@contextmanager
def own_folder(path: Path) -> Iterator[Path]:
    """Give each process a folder to write to: the first the one that is asked for.

    The others get a copy of it, without what is large, that is gone afterwards: they
    need to know what the first one knows, and nobody needs what they would write.

    Args:
        path: of the run, on a file system that all of them see.

    Yields:
        The folder.
    """
    if is_first():
        yield path
        return
    with scratch() as folder:
        own = folder / path.name
        large = shutil.ignore_patterns('checkpoints', 'events', 'pictures')
        if path.exists():
            shutil.copytree(path, own, ignore=large)
        yield own
