"""JSON files of a run that tell whether they are what was written."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SEAL = 'seal'


class Damaged(ValueError):
    """What lies on the disk is not what was saved."""


def seal(content: Mapping[str, Any]) -> str:
    """Hash what JSON holds, whatever its order and layout.

    Args:
        content: anything that JSON holds; its own entry 'seal' does not count.

    Returns:
        The SHA-256 of its canonical form, in hexadecimal digits.

    Example:
        >>> seal({'a': 1.5, 'b': [None]}) == seal({'b': [None], 'seal': '', 'a': 1.5})
        True
    """
    bare = {name: value for name, value in content.items() if name != SEAL}
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()


def add_seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """Add a checksum to what JSON holds.

    Args:
        content: of which no entry is called 'seal', and no number is not finite.

    Returns:
        The same with 'seal', the SHA-256 of the canonical form of all else.

    Example:
        >>> made = add_seal({'step': 6})
        >>> sorted(made), seal(made) == made['seal']
        (['seal', 'step'], True)
    """
    return {**content, SEAL: seal(content)}


def json_object(path: Path, place: object) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: of the file.
        place: how the message names it.

    Returns:
        The object.

    Raises:
        FileNotFoundError: where there is no such file.
        Damaged: where it cannot be read, or is something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f'{place} cannot be read: {error.strerror}') from None
    except (ValueError, RecursionError) as error:
        raise Damaged(f'{place} is no JSON: {error}') from None
    if not isinstance(content, dict):
        raise Damaged(f'{place} holds {type(content).__name__}, wanted a JSON object')
    return content


def read(path: Path) -> dict[str, Any]:
    """Read a JSON object, and hold it against its checksum if it has one.

    Args:
        path: of the file.

    Returns:
        The object. One that was written before there were checksums has no 'seal'.

    Raises:
        FileNotFoundError: where there is no such file.
        Damaged: for anything that is not what was written; says why.
    """
    content = json_object(path, path)
    renamed = [k for k, v in content.items() if re.fullmatch('[0-9a-f]{64}', str(v))]
    if renamed not in ([], [SEAL]) or (
        SEAL in content and content[SEAL] != seal(content)
    ):
        raise Damaged(f'{path} is not what was written: its checksum differs')
    return content
