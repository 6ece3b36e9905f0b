"""What was compiled, in words and as a table in Markdown."""

import json
import textwrap
from collections.abc import Iterable

from dljax.aot.records import KEY, Line
from dljax.host.markdown import plain


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
    '| model | chips | batch | parameters | memory a chip | FLOPs '
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
        flops(line['flops']),
        collectives(line),
        milliseconds(line['roofline_seconds']),
        fraction(line['arithmetic_share']),
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


def flops(number: int) -> str:
    """Say a number of FLOPs.

    Example:
        >>> flops(6_170_000_000_000)
        '6.17 TFLOP'
    """
    return _scaled(
        number,
        (('TFLOP', 1e12), ('GFLOP', 1e9), ('MFLOP', 1e6), ('kFLOP', 1e3), ('FLOP', 1)),
    )


def collectives(line: Line) -> str:
    """Say which collectives there are, how many and how large together."""
    return ', '.join(
        f'{each["count"]} {kind} of {amount(each["bytes"])}'
        for kind, each in line['collectives'].items()
    )


def milliseconds(seconds: float | None) -> str:
    """Say a time, or that it is not known."""
    return 'not known' if seconds is None else f'{1e3 * seconds:.3g} ms'


def fraction(part: float | None) -> str:
    """Say a fraction, or that it is not known."""
    return 'not known' if part is None else f'{part:.0%}'


def _scaled(value: float, units: tuple[tuple[str, float], ...]) -> str:
    unit, size = next((each for each in units if value >= each[1]), units[-1])
    return f'{value / size:.3g} {unit}'


def _joined(cells: list[str]) -> str:
    return '| ' + ' | '.join(map(plain, cells)) + ' |\n'


def _or_zero(value: int | None) -> int:
    return value or 0
