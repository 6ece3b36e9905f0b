"""Pairs of lines: two files of which the same lines belong together, or a table."""

import os
from pathlib import Path
from typing import NamedTuple

from dljax.data.decoded import lines
from dljax.data.delimited import body, column_of, table

LARGEST = 2**30  # characters of a file of lines


class Pairs(NamedTuple):
    """Texts that are given, and the text that is wanted of each.

    Attributes:
        source: the given texts, without blanks around them.
        target: as many wanted texts.
        dropped: pairs left out since one text was empty.
    """

    source: list[str]
    target: list[str]
    dropped: int


def read_lines(
    path: str | os.PathLike[str], *, encoding: str | None = None
) -> list[str]:
    """Read a file of one text a line.

    Args:
        path: of the file, which may be packed by gzip.
        encoding: such as 'latin-1'; by default UTF-8, or what a byte-order mark says.

    Returns:
        The lines, without blanks around them; empty ones are kept, so that their
        numbers are those of an editor less one.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for an unknown encoding, what is no text of it, or too much.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file '{path}', wanted one text a line: check the path, seen "
            f"from '{Path.cwd()}'"
        )
    found, size = [], 0
    try:
        for line in lines(path, encoding):
            size += len(line)
            if size > LARGEST:
                raise ValueError(
                    f"'{path}' has more than {LARGEST:,} characters, wanted fewer: "
                    'part '
                    'it into several files'
                )
            found.append(line.strip())
    except LookupError:
        raise ValueError(
            f'encoding is {encoding!r}, wanted one that Python knows, such as utf-8 or '
            'latin-1'
        ) from None
    return found


def read_pairs(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    columns: tuple[str, str] | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    quoted: bool = True,
    encoding: str | None = None,
    drop_empty: bool = False,
) -> Pairs:
    r"""Read pairs of texts from two files of lines, or from two columns of a table.

    Line n of one file belongs to line n of the other, so both have as many.

    Args:
        source: file of the given texts, or the table if `target` is left out.
        target: file of the wanted texts.
        columns: of a table: those of the given and of the wanted texts; by default the
            only two there are.
        delimiter: of a table, as `read_column` takes it.
        header: whether the first row of a table names the columns; if not, they are
            called '1', '2' and so on.
        quoted: of a table: whether quotes around a field belong to its form. Without,
            quotes are signs of the text, as in many files of tabs.
        encoding: of two files, as `read_lines` takes it.
        drop_empty: leave pairs out of which a text is empty, and count them; by default
            they are refused.

    Returns:
        The pairs, in the order of the files.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for files of unequal numbers of lines, a table without the columns,
            or empty texts, with their lines.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'pairs.tsv'
        >>> _ = path.write_text('english\tgerman\na dog\tein Hund\n')
        >>> read_pairs(path, columns=('german', 'english'))
        Pairs(source=['ein Hund'], target=['a dog'], dropped=0)
    """
    if target is None:
        return _of_table(Path(source), columns, delimiter, header, quoted, drop_empty)
    if columns or delimiter or header is not None:
        raise ValueError(
            'columns, delimiter and header are those of a table, wanted two files of '
            'lines without them: leave them out, or the second file'
        )
    given, wanted = (read_lines(path, encoding=encoding) for path in (source, target))
    if len(given) != len(wanted):
        raise ValueError(
            f"'{source}' has {len(given):,} lines and '{target}' {len(wanted):,}, "
            'wanted as many, since the same lines belong together: look for a line '
            'that is missing or broken in two'
        )
    numbers = list(range(1, len(given) + 1))
    return _checked(f"'{source}' or '{target}'", given, wanted, numbers, drop_empty)


def _of_table(
    path: Path,
    columns: tuple[str, str] | None,
    delimiter: str | None,
    header: bool | None,
    quoted: bool,
    drop_empty: bool,
) -> Pairs:
    path = path.expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file '{path}', wanted a table of pairs: check the path, seen "
            f"from '{Path.cwd()}'"
        )
    found = table(path, delimiter, None, header, quoted=quoted)
    if columns is None:
        named = tuple(name for name in found.names if name)
        if len(named) != 2:
            raise ValueError(
                f"'{path}' has {len(named)} columns, wanted two: say which by columns"
            )
        columns = (named[0], named[1])
    first, second = (column_of(found, name, header) for name in columns)
    texts: tuple[list[str], list[str], list[int]] = ([], [], [])
    for line, fields in body(found, prose=True):
        padded = [*fields, *[''] * (len(found.names) - len(fields))]
        texts[0].append(padded[first])
        texts[1].append(padded[second])
        texts[2].append(line)
    return _checked(f"'{path}'", *texts, drop_empty)


def _checked(
    place: str,
    source: list[str],
    target: list[str],
    numbers: list[int],
    drop_empty: bool,
) -> Pairs:
    """Refuse empty texts, or leave their pairs out."""
    whole = [bool(a and b) for a, b in zip(source, target, strict=True)]
    empty = [number for number, good in zip(numbers, whole, strict=True) if not good]
    if empty and not drop_empty:
        few = ', '.join(map(str, empty[:5]))
        more = f' and {len(empty) - 5} more' if len(empty) > 5 else ''
        raise ValueError(
            f'{place} has an empty text in line {few}{more}, wanted two texts in each: '
            'fill or delete the lines in both, or say drop_empty=True'
        )
    if not any(whole):
        raise ValueError(f'{place} holds no pair of texts, wanted one or more')
    kept = [i for i, good in enumerate(whole) if good]
    return Pairs([source[i] for i in kept], [target[i] for i in kept], len(empty))
