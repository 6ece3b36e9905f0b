"""Whether a prepared set is whole: what was written is what is read."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

SEAL = 'dljax_seal.json'


@contextlib.contextmanager
def whole(
    folder: str | os.PathLike[str] | Callable[[], str], *passed: type[Exception]
) -> Iterator[None]:
    """Say of what fails inside that the prepared set is damaged, and what to delete.

    Args:
        folder: of the set, or what tells it.
        *passed: errors that mean something else.

    Raises:
        OSError: in the place of any other error.
    """
    try:
        yield
    except (MemoryError, *passed):
        raise
    except PermissionError as error:
        place = folder() if callable(folder) else os.fspath(folder)
        raise OSError(
            f"the prepared set in '{place}' cannot be read ({error}), wanted a folder "
            'that may be: choose another one by data_dir or TFDS_DATA_DIR'
        ) from error
    except Exception as error:
        place = folder() if callable(folder) else os.fspath(folder)
        what = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
        raise OSError(damage(place, what)) from error


def damage(folder: str, what: str) -> str:
    """Word the message."""
    return (
        f"the prepared set in '{folder}' is damaged ({what}), wanted it as it was "
        'written: delete this folder, and it is prepared anew'
    )


def folder_of(data_dir: str | None, *parts: str) -> str:
    """Tell where TFDS looks for a set first."""
    from tensorflow_datasets.core.utils import file_utils

    (first, *_) = file_utils.list_data_dirs(given_data_dir=data_dir)
    return os.path.join(os.fspath(first), *parts)


def seal(folder: str | os.PathLike[str]) -> None:
    """Write down the files of a set: their sizes, and hashes but of the records.

    Those have hashes inside, block by block.

    Args:
        folder: of the set, which has just been prepared.
    """
    found = {path.name: _facts(path) for path in _files(folder)}
    # Another process may look meanwhile.
    half = Path(folder) / f'{SEAL}.{os.getpid()}'
    half.write_text(json.dumps(found, indent=1))
    half.replace(Path(folder) / SEAL)


def check(folder: str | os.PathLike[str]) -> None:
    """Compare the files of a set with what was written down, if that was done.

    Args:
        folder: of the set.

    Raises:
        OSError: if a file is missing, has another size, or another content.
    """
    sealed = Path(folder) / SEAL
    if not sealed.is_file():
        return
    with whole(folder):
        written = json.loads(sealed.read_text())
        found = {path.name: _facts(path) for path in _files(folder)}
        names = sorted(n for n, facts in written.items() if found.get(n) != facts)
    if names:
        raise OSError(
            damage(os.fspath(folder), f'{", ".join(names[:4])} missing or changed')
        )


def _files(folder: str | os.PathLike[str]) -> list[Path]:
    return [
        p for p in sorted(Path(folder).iterdir()) if p.is_file() and SEAL not in p.name
    ]


def _facts(path: Path) -> list[int | str]:
    size = path.stat().st_size
    if '.array_record' in path.name:
        return [size]
    return [size, hashlib.sha256(path.read_bytes()).hexdigest()]
