"""One process at a time in a folder."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK, HOLDER = '.lock', '.holder'


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, so that no other process trains in it at the same time.

    The system lets go of the lock when the process ends, however it ends. It holds
    where the folder is renamed; reading needs none.

    Args:
        folder: made if it is not there.

    Raises:
        ValueError: where another holds it; says who, and since when.
        OSError: where nothing can be written there.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder, locked(pathlib.Path(folder)):
        ...     try:
        ...         with locked(pathlib.Path(folder)):
        ...             pass
        ...     except ValueError as error:
        ...         'is in use' in str(error)
        True
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(
            f'{folder} is in use by {_holder(folder)}: wait for its end, or choose '
            'another --workdir'
        ) from None
    who = {
        'process': os.getpid(),
        'host': socket.gethostname(),
        'since': time.strftime('%Y-%m-%d %H:%M:%S'),
    }
    holder = folder / HOLDER
    try:
        holder.write_text(json.dumps(who) + '\n', encoding='utf-8')
        yield
    finally:
        lock.release()


def _holder(folder: Path) -> str:
    try:
        who = json.loads((folder / HOLDER).read_text(encoding='utf-8'))
        return f'process {who["process"]} of {who["host"]}, since {who["since"]}'
    except (OSError, ValueError, KeyError, TypeError):
        return 'another process'
