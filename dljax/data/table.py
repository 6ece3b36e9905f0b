"""A column of numbers from a CSV file of the user's own, in the order of time."""

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from dljax.data.delimited import Table, body, column_of, quote, table
from dljax.data.direction import SOME, backward, tells
from dljax.data.numerals import number, require_no_thousands
from dljax.data.spacing import Order, in_order
from dljax.data.timestamps import moments


def read_column(
    path: str | os.PathLike[str],
    column: str | None = None,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    date: str | None = None,
    date_format: str | None = None,
    gaps: Literal['refuse', 'keep', 'fill'] = 'refuse',
) -> np.ndarray:
    r"""Read one column of numbers from a CSV file whose first row names the columns.

    Fields may be quoted, a byte-order mark is skipped and so are blank lines, but for
    those between the values of a single column. Whatever is no finite number is refused
    with its row, also a gap: to fill it is a decision about the data that is not for a
    reader to make. Each row has to have as many fields as there are names, since from
    another one the wrong number would be taken.

    With `date` the rows are sorted by that column, and may be in any order. Without,
    they are taken as they stand, and refused if another column holds dates that go
    back: a series that is newest first would be learned backwards.

    Args:
        path: of the file, in UTF-8, or in UTF-16 with its mark, as Excel writes it.
        column: the name of the column; may be left out where there is only one besides
            `date`.
        delimiter: between two fields, 'tab' too; by default `,`, `;`, tab or `|`,
            whichever parts the first row.
        decimal: '.' or ','; by default '.', but where that may part thousands it has to
            be said.
        header: whether the first row holds names; if not, columns are called '1', '2'
            and so on. By default it does, but one of numbers alone is refused.
        date: the column that tells when; '' takes the rows as they stand whatever their
            dates.
        date_format: of the dates: 'iso', 'day-first', 'month-first', 'year', 'unix' or
            'unix-ms' (seconds or milliseconds since 1970), 'number' for counted steps,
            or a pattern of `datetime.strptime`; by default the one that fits. That of
            03/04/2024 has to be said if no other date shows what is meant.
        gaps: what happens where the dates do not follow at equal steps (months and days
            from Monday to Friday are equal): 'refuse' them with their rows, 'keep' the
            rows one after the other, or 'fill' by straight lines.

    Returns:
        [rows] float64, the oldest first with `date`, else in the order of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is no such table, has no such column, or holds anything
            but finite numbers in it; for dates that are none, are there twice or leave
            gaps. Rows are counted as the lines of the file are.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'sales.csv'
        >>> _ = path.write_text('day,sold\n2024-03-02,3.5\n2024-03-01,4\n')
        >>> print(read_column(path, 'sold', date='day'))
        [4.  3.5]
    """
    found, time = open_table(path, delimiter, decimal, header, date)
    if column is not None and not isinstance(column, str):
        raise ValueError(
            f'column is {column!r}, wanted the name of a column: without names, by '
            "header=False, columns are called '1', '2' and so on"
        )
    place = _place(found, column, header, besides=time)
    lines, texts = gather(found, [place], time, watch=date is None)
    values = numbers(found, place, texts[place], lines, decimal)
    if time is None:
        return values
    read = moments(texts[time], lines, found.names[time], date_format)
    order = in_order(read, lines, found.names[time], gaps)
    return between(values, order)


def open_table(
    path: str | os.PathLike[str],
    delimiter: str | None,
    decimal: str | None,
    header: bool | None,
    date: str | None,
) -> tuple[Table, int | None]:
    """Find out how a table is to be read, and which column tells when.

    Args:
        path: of the file.
        delimiter: as `read_column` takes it; so for the others.
        decimal: the sign of the decimals.
        header: whether the first row holds names.
        date: the column that tells when.

    Returns:
        How to read it, and the number of the column of dates, if there is one.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no such table, or has no such column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file '{path}', wanted a CSV file: check the path, seen from "
            f"'{Path.cwd()}'"
        )
    if date is not None and not isinstance(date, str):
        raise ValueError(
            f'date is {date!r}, wanted the name of a column: without names, by '
            "header=False, columns are called '1', '2' and so on"
        )
    found = table(path, delimiter, decimal, header)
    return found, column_of(found, date, header) if date else None


def gather(
    found: Table, places: Sequence[int], time: int | None, *, watch: bool
) -> tuple[list[int], dict[int, list[str]]]:
    """Read the texts of some columns, and see that the rows do not go back in time.

    Args:
        found: how to read the file.
        places: numbers of the columns.
        time: that of the dates, if there is one.
        watch: whether other columns that seem to hold dates must not go back.

    Returns:
        The lines of the rows, and [rows] texts by the number of the column.

    Raises:
        ValueError: for a file without rows, or rows that are uneven or go back.
    """
    rows = body(found)
    head = next(rows, None)
    if head is None:
        raise ValueError(
            f"'{found.path}' has names of columns but no row, wanted a row for each "
            'step'
        )
    # Of the other columns those are kept that may tell the time.
    watched = [
        i
        for i, (name, text) in enumerate(zip(found.names, head.fields, strict=False))
        if watch and time is None and i not in places and tells(name, [text])
    ]
    kept = [*places, *([] if time is None else [time])]
    lines: list[int] = []
    texts: dict[int, list[str]] = {i: [] for i in (*kept, *watched)}
    for line, fields in itertools.chain([head], rows):
        for i, column_texts in texts.items():
            column_texts.append(fields[i] if i < len(fields) else '')
        lines.append(line)
        if len(lines) == SOME:  # most columns of numbers rise by then
            texts = {
                i: t for i, t in texts.items() if i in kept or tells(found.names[i], t)
            }
    others = {i: t for i, t in texts.items() if i not in kept}
    _require_forward(found, others, lines)
    return lines, {i: texts[i] for i in kept}


def numbers(
    found: Table,
    place: int,
    texts: Sequence[str],
    lines: Sequence[int],
    decimal: str | None,
) -> np.ndarray:
    """Read the numbers of a column.

    Args:
        found: how the file is read.
        place: number of the column.
        texts: of its rows.
        lines: of the rows.
        decimal: the sign of the decimals.

    Returns:
        [rows] float64.

    Raises:
        ValueError: for what is no number, or may be meant in two ways.
    """
    name = found.names[place]
    pairs = zip(texts, lines, strict=True)
    values = [number(text, name, line, decimal) for text, line in pairs]
    if decimal is None:
        one = len(found.names) == 1
        require_no_thousands(texts, name, None if one else found.delimiter)
    return np.array(values)


def between(values: np.ndarray, order: Order) -> np.ndarray:
    """Put values where they belong, and straight lines across what is missing.

    Args:
        values: [rows] in the order of the file.
        order: of the rows.

    Returns:
        [steps] the oldest first; the values themselves where nothing is missing.
    """
    steps = np.arange(order.place[-1] + 1)
    return np.interp(steps, order.place, values[order.index])


def _place(
    found: Table, column: str | None, header: bool | None, besides: int | None = None
) -> int:
    """Find a column, or say which there are."""
    names, path = found.names, found.path
    if column is None:
        named = [i for i, name in enumerate(names) if name and i != besides]
        if len(named) != 1:
            raise ValueError(
                f"'{path}' has the columns {quote(names)}: say which, by its name"
            )
        return named[0]
    return column_of(found, column, header)


def _require_forward(
    found: Table, columns: Mapping[int, Sequence[str]], lines: Sequence[int]
) -> None:
    """Refuse rows whose dates go back, unless other dates never do."""
    back = backward(columns, found.names)
    if not back:
        return
    place, row = back
    name, texts = found.names[place], columns[place]
    after = next(i for i in range(row + 1, len(texts)) if texts[i])
    sort = f"say date='{name}' to sort" if name else 'name the column, or sort'
    raise ValueError(
        f"'{name}' of '{found.path}' goes back from {texts[row]!r} in row {lines[row]} "
        f'to {texts[after]!r} in row {lines[after]}, wanted the oldest first: {sort} '
        "the rows, or say date='' to take them as they stand"
    )
