"""The lines of metrics.jsonl, each with a checksum in the file beside it.

The checksums lie in metrics.crc32, one a line, so that the rows hold metrics only and
those of two runs can be compared. A checksum is written before its row: a kill between
the two leaves one too many, which hinders nobody.
"""

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

Row = dict[str, float]


class Rows(NamedTuple):
    """What metrics.jsonl holds.

    Attributes:
        rows: the good ones; a metric that was not finite is NaN.
        lines: as they stand in the file, without their ends.
        bad: lines that are not as they were written, by number from 1.
        missing: rows that were written and are not there.
    """

    rows: list[Row]
    lines: list[bytes]
    bad: dict[int, bytes]
    missing: int


def checksums(path: Path) -> Path:
    """Tell where the checksums of metrics.jsonl lie."""
    return path.with_suffix('.crc32')


def line(row: Mapping[str, float]) -> bytes:
    """Write a row as JSON that any reader takes; what is not finite becomes null.

    Example:
        >>> line({'step': 1, 'loss': math.nan})
        b'{"step": 1, "loss": null}'
    """
    strict = {k: v if math.isfinite(v) else None for k, v in row.items()}
    return json.dumps(strict, allow_nan=False).encode()


def checksum(text: bytes) -> bytes:
    """Compute the CRC-32 of a line, in hexadecimal digits."""
    return b'%08x' % zlib.crc32(text)


def read(path: Path) -> Rows:
    """Read metrics.jsonl, whatever has become of it.

    A last line that a kill cut off is left out. Rows from before there were checksums
    count as good, and so do those after the last one where the end of their file is
    lost.

    Args:
        path: of metrics.jsonl; it need not be there.

    Returns:
        What it holds.
    """
    texts = path.read_bytes().split(b'\n') if path.is_file() else [b'']
    beside = checksums(path)
    sums = beside.read_bytes().split(b'\n')[:-1] if beside.is_file() else []
    known = set(sums)
    found = Rows([], [], {}, 0)
    if b'}' not in texts[-1]:
        del texts[-1]  # nothing after the last end of a line, or what a kill cut off
    for number, text in enumerate(texts, 1):
        row = _parsed(text)
        if row is None or (number <= len(sums) and checksum(text) not in known):
            found.bad[number] = text
        else:
            found.rows.append(row)
            found.lines.append(text)
    whole = known & {checksum(text) for text in found.lines}
    missing = len(sums) - len(whole) - len(found.bad)
    return found._replace(missing=max(missing, 0))


def read_rows(path: Path) -> list[Row]:
    """Read the rows of metrics.jsonl that are as they were written."""
    return read(path).rows


def keep(path: Path, lines: Sequence[bytes], bad: Mapping[int, bytes]) -> None:
    """Let metrics.jsonl hold these lines; what holds them already is not written.

    Args:
        path: of metrics.jsonl.
        lines: to keep, without their ends.
        bad: those to add to metrics.bad.jsonl, by number.
    """
    if bad:
        with path.with_suffix('.bad.jsonl').open('ab') as file:
            file.writelines(text + b'\n' for text in bad.values())
    _replace(path, b''.join(text + b'\n' for text in lines))
    _replace(checksums(path), b''.join(checksum(text) + b'\n' for text in lines))


def append(path: Path, row: Mapping[str, float]) -> None:
    """Add a row to metrics.jsonl."""
    text = line(row)
    for place, content in ((checksums(path), checksum(text)), (path, text)):
        with place.open('ab') as file:
            file.write(content + b'\n')


def _replace(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        temporary = path.with_name(f'{path.name}.tmp')
        temporary.write_bytes(content)
        temporary.replace(path)  # a kill in between leaves the old file whole


def _parsed(text: bytes) -> Row | None:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or type(row.get('step')) is not int:
        return None
    row = {k: math.nan if v is None else v for k, v in row.items()}
    numbers = all(type(v) in (int, float) for v in row.values())
    return row if numbers and row.get('seconds', -1) >= 0 else None
