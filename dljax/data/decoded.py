"""The lines of a text file, decoded one after the other."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# What an editor writes first, by the encoding; the longer marks come first.
MARKS = (
    (b'\xff\xfe\x00\x00', 'utf-32'),
    (b'\x00\x00\xfe\xff', 'utf-32'),
    (b'\xef\xbb\xbf', 'utf-8-sig'),
    (b'\xff\xfe', 'utf-16'),
    (b'\xfe\xff', 'utf-16'),
)


def lines(path: Path, encoding: str | None = None) -> Iterator[str]:
    """Decode a file line by line; no more of it is in memory.

    Args:
        path: of the file, which may be packed by gzip.
        encoding: by default that of the byte-order mark, and UTF-8 without one.

    Yields:
        The lines, with the signs that end them.

    Raises:
        ValueError: for text that cannot be decoded, or holds NUL characters; for a
            workbook or a damaged archive.
    """
    line = 0
    try:
        with _opened(path) as file:
            start = file.read(4)
        if start == b'PK\x03\x04':
            raise ValueError(
                f"'{path}' is a zip file or a workbook, wanted text: save the sheet as "
                'CSV, or take the file out of the archive'
            )
        marked = (name for mark, name in MARKS if start.startswith(mark))
        encoding = next(marked, encoding or 'utf-8')
        with _opened(path, encoding) as file:
            for line, text in enumerate(file, 1):
                if '\0' in text:
                    raise ValueError(
                        f"row {line} of '{path}' holds a NUL character, wanted text in "
                        'UTF-8: is it UTF-16 without its mark, or no text at all?'
                    )
                yield text
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{path}' is not in {error.encoding.upper().removesuffix('-SIG')} "
            f'({error.reason} after row {line}), wanted text in UTF-8: save it as that'
        ) from None
    except UnicodeError as error:
        raise ValueError(
            f"'{path}' cannot be decoded ({error}), wanted text in UTF-8"
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"'{path}' is damaged after row {line} ({error}), wanted a whole gzip file"
        ) from None


def _opened(path: Path, encoding: str | None = None) -> Any:
    """Open a file, packed or not, as bytes or with an encoding as text."""
    with path.open('rb') as file:
        packed = file.read(2) == b'\x1f\x8b'
    mode = 'rt' if encoding else 'rb'
    newline = '' if encoding else None
    if packed:
        return gzip.open(path, mode, encoding=encoding, newline=newline)
    return path.open(mode, encoding=encoding, newline=newline)
