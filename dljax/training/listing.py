"""Which files of a checkpoint are as they were saved.

`files.json` in its folder holds a SHA-256 of every file, so that damage has a name, and
so that what nobody reads can be told from what is whole.
"""

import hashlib
import json
import re
from pathlib import Path

from dljax.host.sealing import SEAL, Damaged, add_seal, json_object, seal

FILES = 'files.json'
_METADATA, _COMMIT = '_CHECKPOINT_METADATA', 'commit_timestamp_nsecs'
_LAST = 'commit_success.txt'  # written after all others, and not read


def list_files(folder: Path) -> None:
    """Write files.json, with the hash of every file in the folder of a checkpoint."""
    files = {name: file_hash(path) for name, path in _files(folder).items()}
    content = json.dumps(add_seal({'files': files}), indent=1)
    (folder / FILES).write_text(content + '\n')


def changed_files(folder: Path) -> list[str]:
    """Name the files of a checkpoint that are not as they were saved.

    Args:
        folder: of the checkpoint.

    Returns:
        Their paths in it: changed, missing or put there since. Empty where all is
        whole, or where nothing tells, as in a checkpoint of an earlier version.
    """
    if not (folder / FILES).exists():
        return []
    try:
        content = json_object(folder / FILES, FILES)
        saved = content['files']
        if content[SEAL] != seal(content):
            return [FILES]
    except (OSError, ValueError, KeyError, TypeError):
        return [FILES]
    now = _files(folder)
    return sorted(
        name
        for name in saved.keys() | now.keys()
        if name not in saved or name not in now or file_hash(now[name]) != saved[name]
    )


def _files(folder: Path) -> dict[str, Path]:
    found = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob('*')
        if not path.is_dir()
    }
    return {k: path for k, path in found.items() if k not in (FILES, _LAST)}


def file_hash(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal digits, or say why not.

    Args:
        path: of the file. Of what Orbax tells of a whole checkpoint the moment of the
            commit is left out, since it is added last.

    Returns:
        The digits; a sentence where the file cannot be read.
    """
    try:
        if path.name == _METADATA:
            told = json.loads(path.read_bytes())
            return seal({k: v for k, v in told.items() if k != _COMMIT})
        with path.open('rb') as file:
            return hashlib.file_digest(file, 'sha256').hexdigest()
    except (OSError, ValueError, AttributeError) as error:
        return f'not read: {error}'


def require_files(folder: Path) -> None:
    """Refuse a checkpoint whose arrays lie in files that are not those that were saved.

    It spares the reader of the arrays, which complains at length. Copies that nobody
    reads do not count: what each process wrote before all was put together, and where
    the arrays lay.

    Raises:
        Damaged: which names the files.
    """
    changed = [
        name
        for name in changed_files(folder)
        if re.match('tree/(?!ocdbt.process_|_sharding|commit_success)', name)
    ]
    if changed:
        many = f' and {len(changed) - 1} more' if len(changed) > 1 else ''
        raise Damaged(f'{folder.name}/{changed[0]}{many}: not what was saved, or lost')
