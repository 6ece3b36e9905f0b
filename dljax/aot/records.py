"""What was compiled ahead of time: a line of JSON each, compared and shown."""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dljax.host.machine import commit, versions

# What tells two programs apart; the rest of a line is what was found of them.
KEY = (
    'model',
    'topology',
    'batch',
    'precision',
    'fsdp',
    'remat',
    'settings',
    'sizes',
)
COMPARED = ('peak_bytes', 'flops')
TOLERANCE = 0.05
_PACKAGES = ('jax', 'jaxlib', 'flax', 'optax', 'libtpu')

Line = Mapping[str, Any]


def append(path: Path, figures: Line, command: str) -> None:
    """Append a line about a program.

    Args:
        path: of the lines; made, with its folder, if it is not there.
        figures: as `compile_ahead` gives them.
        command: that made them, for whoever wants them again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = {
        **figures,
        'versions': versions(*_PACKAGES),
        'commit': commit(),
        'date': time.strftime('%Y-%m-%d', time.gmtime()),
        'command': command,
    }
    with path.open('a', encoding='utf-8') as file:
        file.write(json.dumps(line) + '\n')


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a file; of none, if it is not there.

    Args:
        path: of the lines.

    Returns:
        Them in their order.

    Raises:
        ValueError: for a line that is no JSON; its number is named.
    """
    if not path.exists():
        return []
    lines = []
    for number, text in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError as error:
            raise ValueError(f'{path}, line {number} is no JSON: {error}') from None
    return lines


def is_done(lines: Iterable[Line], asked: Line, at: str | None) -> bool:
    """Tell whether what is asked for has been compiled, or found not to fit.

    Args:
        lines: as `read_records` gives them.
        asked: the names of `KEY` that are to agree; others may be left out.
        at: the commit that it is to be of.
    """
    return at is not None and any(
        line.get('commit') == at
        and 'fits' in line
        and all(line.get(name) == value for name, value in asked.items())
        for line in lines
    )


def changes(figures: Line, lines: Iterable[Line]) -> dict[str, tuple[int, int]]:
    """Compare a program with what was last recorded of it.

    Args:
        figures: as `compile_ahead` gives them.
        lines: as `read_records` gives them.

    Returns:
        Values of `COMPARED` that have changed by more than `TOLERANCE`, either way:
        what was recorded and what is now.

    Raises:
        ValueError: where nothing is recorded of such a program.

    Example:
        >>> now = dict.fromkeys(KEY, 0) | {'peak_bytes': 120, 'flops': 104}
        >>> changes(now, [now | {'peak_bytes': 100, 'flops': 100}])
        {'peak_bytes': (100, 120)}
    """
    known = [
        line
        for line in lines
        if all(line.get(name) == figures[name] for name in KEY)
        and line.get('flops') is not None
    ]
    if not known:
        asked = ', '.join(f'{name} {figures[name]}' for name in KEY)
        raise ValueError(
            f'nothing is recorded of {asked}: record it first, with --results'
        )
    last = known[-1]
    return {
        name: (last[name], figures[name])
        for name in COMPARED
        if abs((figures[name] or 0) - last[name]) > TOLERANCE * last[name]
    }
