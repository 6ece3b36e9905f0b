"""The machine that is measured: what it is, and whether it is quiet."""

import datetime
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from dljax.host.machine import commit, processor, versions

PACKAGES = ('jax', 'jaxlib', 'flax', 'optax')


def describe(*packages: str) -> dict[str, Any]:
    """Say what a line of results has to be read with.

    Args:
        *packages: that took part, beside JAX, Flax and Optax.

    Returns:
        'device', 'backend', 'versions', 'commit', 'date' and 'command'.
    """
    import jax

    return {
        'device': processor(),
        'backend': jax.default_backend(),
        'versions': versions(*PACKAGES, *packages),
        'commit': commit(),
        'date': datetime.date.today().isoformat(),
        'command': shlex.join(['python', '-m', *_module(), *sys.argv[1:]]),
    }


def require_quiet(*, allow: bool = False, limit: float = 0.5) -> bool:
    """Refuse to measure on a machine that others keep busy.

    Their fraction is measured over a second in which this process sleeps, so that what
    it has done itself does not count. Where the system does not tell, nothing is
    refused.

    Args:
        allow: whether to measure nevertheless.
        limit: how many cores may be busy.

    Returns:
        Whether it is loaded.

    Raises:
        RuntimeError: where it is, and that is not allowed.
    """
    before = _busy()
    time.sleep(1.0)
    after = _busy()
    cores = 0.0 if None in (before, after) else after - before
    if cores <= limit:
        return False
    if not allow:
        raise RuntimeError(
            f'the machine is busy: {cores:.1f} of its {os.cpu_count()} cores work for '
            f'others, wanted at most {limit}: wait, or allow it by --allow-load, which '
            'the line of results tells'
        )
    return True


def peak_flops(dtype: str = 'float32', *, size: int = 2048, tries: int = 5) -> float:
    """Measure how many operations a second a large matrix product makes.

    Args:
        dtype: of the numbers.
        size: of the square matrices.
        tries: of which the fastest counts.

    Returns:
        Floating-point operations a second, of one device.
    """
    import jax
    import jax.numpy as jnp

    matrix = jnp.full((size, size), 1 / size, dtype)
    product = jax.jit(jnp.matmul)
    product(matrix, matrix).block_until_ready()
    seconds = []
    for _ in range(tries):
        start = time.perf_counter()
        product(matrix, matrix).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def _busy() -> float | None:
    """Give the seconds that all cores have worked so far."""
    status = Path('/proc/stat')
    if not status.exists():
        return None
    user, nice, system, _, _, *others = status.read_text().split()[1:8]
    ticks = sum(map(int, (user, nice, system, *others)))
    return ticks / os.sysconf('SC_CLK_TCK')


def _module() -> list[str]:
    specification = getattr(sys.modules.get('__main__'), '__spec__', None)
    if specification is None:
        return [Path(sys.argv[0]).name]
    return [specification.name.removesuffix('.__main__')]
