"""Lines of results, one a measurement, in benchmarks/results."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / 'results'


def path(name: str) -> Path:
    """Give the file of a benchmark's lines."""
    return FOLDER / f'{name}.jsonl'


def append(file: Path, row: Mapping[str, Any]) -> None:
    """Add a line.

    Args:
        file: its folder has to be there, or is made where it is `FOLDER`.
        row: what JSON can hold.
    """
    if file.parent == FOLDER:
        FOLDER.mkdir(exist_ok=True)
    with file.open('a', encoding='utf-8') as lines:
        lines.write(json.dumps(row) + '\n')


def newest(file: Path, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Read the last line of each kind.

    Args:
        file: of lines; none is read where there is no such file.
        keys: what tells kinds apart; 'versions.jax' is 'jax' of 'versions'.

    Returns:
        The lines, in the order in which their kinds came first.
    """
    found: dict[tuple, dict[str, Any]] = {}
    text = file.read_text(encoding='utf-8') if file.exists() else ''
    for line in text.splitlines():
        row = json.loads(line)
        found[tuple(str(value(row, key)) for key in keys)] = row
    return list(found.values())


def value(row: Mapping[str, Any], key: str) -> Any:
    """Look up a value by its path, parts of which are joined by dots."""
    here: Any = row
    for part in key.split('.'):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here
