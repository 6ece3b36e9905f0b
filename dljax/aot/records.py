"""What was compiled ahead of time: a line of JSON each, compared and shown."""

import json
import textwrap
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dljax.host.machine import commit, versions
from dljax.host.markdown import plain

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
        Figures of `COMPARED` that have changed by more than `TOLERANCE`, either way:
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
        if abs(_or_zero(figures[name]) - last[name]) > TOLERANCE * last[name]
    }


def markdown(lines: Iterable[Line]) -> str:
    """Write lines as a table, the last one of each program.

    Args:
        lines: as `read_records` gives them.

    Returns:
        Rows by topology and model, in Markdown.
    """
    last = {json.dumps([line.get(name) for name in KEY]): line for line in lines}
    rows = sorted(last.values(), key=lambda line: (line['topology'], line['model']))
    return _HEAD + ''.join(_row(line) for line in rows)


_HEAD = (
    '| model | chips | batch | parameters | memory a chip | operations '
    '| collectives | roofline | arithmetic | compiled in |\n'
    '|---|---|---|---|---|---|---|---|---|---|\n'
)


def _row(line: Line) -> str:
    model = line['model'] + ''.join(
        f' {name}={value}' for name, value in line.get('settings', {}).items()
    )
    model += ' remat' * bool(line.get('remat'))
    chips = line['topology']
    if (line.get('fsdp') or 1) > 1:
        chips += f', fsdp {line["fsdp"]}'
    batch = f'{line["batch"]} {line["precision"]}' if line.get('batch') else ''
    cells = [model, chips, batch]
    if 'fits' not in line:
        error = textwrap.shorten(line['error'], 100, placeholder=' ...')
        return _joined([*cells, '', error, *[''] * 5])
    if line['flops'] is None:
        return _joined([*cells, f'{line["parameters"]:,}', memory(line), *[''] * 5])
    cells += [
        f'{line["parameters"]:,}',
        memory(line),
        operations(line['flops']),
        sent(line),
        milliseconds(line['roofline_seconds']),
        share(line['arithmetic_share']),
        f'{line["compile_seconds"]:.0f} s',
    ]
    return _joined(cells)


def memory(line: Line) -> str:
    """Say how much of a chip's memory is taken at the most."""
    if line['peak_bytes'] is None:
        return 'does not fit'
    taken = amount(line['peak_bytes'])
    if line['memory_bytes'] is None:
        return taken
    fits = '' if line['fits'] else ', does not fit'
    return f'{taken} of {amount(line["memory_bytes"])}{fits}'


def amount(size: int) -> str:
    """Say an amount of memory.

    Example:
        >>> amount(3 * 2**29)
        '1.5 GiB'
    """
    return _scaled(size, (('GiB', 2**30), ('MiB', 2**20), ('KiB', 2**10), ('B', 1)))


def operations(flops: int) -> str:
    """Say a number of operations.

    Example:
        >>> operations(6_170_000_000_000)
        '6.17 TFLOP'
    """
    return _scaled(
        flops,
        (('TFLOP', 1e12), ('GFLOP', 1e9), ('MFLOP', 1e6), ('kFLOP', 1e3), ('FLOP', 1)),
    )


def sent(line: Line) -> str:
    """Say which collectives there are, how many and how large together."""
    return ', '.join(
        f'{each["count"]} {kind} of {amount(each["bytes"])}'
        for kind, each in line['collectives'].items()
    )


def milliseconds(seconds: float | None) -> str:
    """Say a time, or that it is not known."""
    return 'not known' if seconds is None else f'{1e3 * seconds:.3g} ms'


def share(part: float | None) -> str:
    """Say a share, or that it is not known."""
    return 'not known' if part is None else f'{part:.0%}'


def _scaled(value: float, units: tuple[tuple[str, float], ...]) -> str:
    unit, size = next((each for each in units if value >= each[1]), units[-1])
    return f'{value / size:.3g} {unit}'


def _joined(cells: list[str]) -> str:
    return '| ' + ' | '.join(map(plain, cells)) + ' |\n'


def _or_zero(value: int | None) -> int:
    return value or 0
