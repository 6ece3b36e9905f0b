"""Folders for the time of a process, that none leaves behind for ever."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = 'dljax-'
PARENT = 'DLJAX_SCRATCH'  # the variable that names the folder of who started us
_LOCK, _YOUNG = '.held', 60.0


@contextmanager
def scratch(name: str = '') -> Iterator[Path]:
    """Make a folder that is gone afterwards, at the latest with a later one.

    Where the process is killed the folder stays, but its lock is free: the next call on
    this machine removes it. Where `dljax launch` has started the process the folder
    lies in that of the launcher, which removes it.

    Args:
        name: to tell by what it is.

    Yields:
        The folder.
    """
    parent = os.environ.get(PARENT)
    parent = Path(parent) if parent and Path(parent).is_dir() else None
    if parent is None:
        sweep()
    prefix = f'{PREFIX}{name}-' if name else PREFIX
    with tempfile.TemporaryDirectory(
        prefix=prefix, dir=parent, ignore_cleanup_errors=True
    ) as folder:
        with (Path(folder) / _LOCK).open('w') as lock:
            _held(lock.fileno())
            yield Path(folder)


def sweep(folder: Path | None = None) -> list[Path]:
    """Remove the folders of processes that were killed.

    Args:
        folder: where they lie; the system's for temporary files by default.

    Returns:
        What was removed.
    """
    removed = []
    for found in (folder or Path(tempfile.gettempdir())).glob(f'{PREFIX}*'):
        try:
            if found.is_symlink() or found.stat().st_uid != os.getuid():
                continue
            if time.time() - found.stat().st_mtime < _YOUNG:
                continue  # it may not be locked yet
            with (found / _LOCK).open('r+') as lock:
                if not _held(lock.fileno()):
                    continue
                shutil.rmtree(found, ignore_errors=True)
                removed.append(found)
        except (OSError, AttributeError):  # none of ours, gone already, or no POSIX
            continue
    return removed


def _held(descriptor: int) -> bool:
    """Take the lock of a file as long as it is open, if nobody has it."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
