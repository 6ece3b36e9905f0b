"""The machine and the software that results are of: device, commit and versions."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path


def versions(*packages: str) -> dict[str, str]:
    """Tell the versions of Python and of packages; those not installed are left out.

    Args:
        *packages: by the names that they are installed under.

    Returns:
        By name, 'python' first.
    """
    found = {'python': platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def device() -> str:
    """Name the kind of device that is computed on; of a CPU, with its cores."""
    import jax

    kind = jax.devices()[0].device_kind
    return f'{kind} ({os.cpu_count()} cores)' if kind == 'cpu' else kind


def processor() -> str:
    """Name the processor with its cores, or the accelerators with their number."""
    import jax

    devices = jax.local_devices()
    if jax.default_backend() != 'cpu':
        return f'{len(devices)} x {devices[0].device_kind}'
    model = platform.processor() or platform.machine()
    information = Path('/proc/cpuinfo')
    if information.exists():
        lines = information.read_text().splitlines()
        named = (x.partition(':')[2].strip() for x in lines if 'model name' in x)
        model = next(named, model)
    return f'{model}, {os.cpu_count()} cores'


def commit() -> str | None:
    """Name the commit that the package runs from, or None outside a checkout."""

    def git(*words: str) -> str:
        return subprocess.run(
            ['git', *words],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        if not git('ls-files', Path(__file__).name):
            return None
        changed = git('status', '--porcelain', '--untracked-files=no')
        return git('rev-parse', '--short=12', 'HEAD') + ('+' if changed else '')
    except (OSError, subprocess.SubprocessError):
        return None
