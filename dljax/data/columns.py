"""Several columns of numbers from a CSV file of the user's own, by time."""

import os
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from dljax.data.delimited import Table, column_of, quote
from dljax.data.spacing import in_order
from dljax.data.table import between, gather, numbers, open_table
from dljax.data.timestamps import Moment, moments

MISSING = ('refuse', 'hold', 'line')
MARKS = ('', '-', '?', 'na', 'n/a', 'nan', 'null', 'none')


class Columns(NamedTuple):
    """A series of several values at each step.

    Attributes:
        values: [time, column] float64, the oldest first.
        names: of the columns.
        times: of the rows that the file has, the oldest first; none without dates.
        filled: how many values of each column were missing, by its name.
        made: how many steps were missing as a whole, and filled by straight lines.
    """

    values: np.ndarray
    names: tuple[str, ...]
    times: tuple[Moment, ...]
    filled: dict[str, int]
    made: int

    @property
    def summary(self) -> str:
        """One line for the start of a run."""
        steps, count = self.values.shape
        missing = {name: n for name, n in self.filled.items() if n}
        said = ', '.join(f'{n:,} of {name}' for name, n in missing.items())
        return (
            f'{steps:,} steps of {count} columns ({", ".join(self.names)})'
            + f', filled: {said}' * bool(missing)
            + f', {self.made:,} steps made' * bool(self.made)
        )


def read_columns(
    path: str | os.PathLike[str],
    columns: Sequence[str] | None = None,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    date: str | None = None,
    date_format: str | None = None,
    gaps: Literal['refuse', 'keep', 'fill'] = 'refuse',
    missing: Literal['refuse', 'hold', 'line'] = 'refuse',
) -> Columns:
    r"""Read several columns of numbers from a CSV file whose first row names them.

    Each is read as `read_column` reads one: with `date` the rows are sorted, without
    they are refused if they go back in time. A value is missing where its field is
    empty or one of '-', '?', 'NA', 'N/A', 'NaN', 'null' and 'None'; anything else that
    is no number is an error.

    Args:
        path: of the file, in UTF-8, or in UTF-16 with its mark.
        columns: the names of the columns, in the order of the result; by default all
            that have one but `date`.
        delimiter: between two fields, as in `read_column`; so for the others.
        decimal: '.' or ','.
        header: whether the first row holds names.
        date: the column that tells when; '' takes the rows as they stand.
        date_format: of the dates.
        gaps: what happens where dates do not follow at equal steps: 'refuse' them,
            'keep' the rows one after the other, or 'fill' by straight lines.
        missing: what happens where a value is missing: 'refuse' all with their rows,
            'hold' the last value before, or draw a 'line' to the next one, which lets
            the future be seen: not for what is to be predicted.

    Returns:
        The series, and what was filled.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: as `read_column`; for missing values where they are refused, or
            without a value before (or after, for a line) them.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'weather.csv'
        >>> _ = path.write_text('day,warm,wet\n2024-03-02,3.5,\n2024-03-01,4,7\n')
        >>> read = read_columns(path, date='day', missing='hold')
        >>> print(read.values)
        [[4.  7. ]
         [3.5 7. ]]
        >>> read.summary
        '2 steps of 2 columns (warm, wet), filled: 1 of wet'
    """
    if missing not in MISSING:
        raise ValueError(f'missing is {missing!r}, wanted one of {", ".join(MISSING)}')
    if isinstance(columns, str):
        raise ValueError(
            f'columns is {columns!r}, wanted a list of names: put it in brackets'
        )
    found, time = open_table(path, delimiter, decimal, header, date)
    if columns is None:
        places = [i for i, name in enumerate(found.names) if name and i != time]
    else:
        places = [column_of(found, name, header) for name in columns]
    if not places or len(set(places)) < len(places) or time in places:
        raise ValueError(
            f"columns of '{path}' are {quote([found.names[i] for i in places])}, "
            'wanted one or more, each once and none that of the dates'
        )
    lines, texts = gather(found, places, time, watch=date is None)
    absent = {i: [t.casefold() in MARKS for t in texts[i]] for i in places}
    if missing == 'refuse':
        _refuse_missing(found, absent, lines)
    order = None
    times: tuple[Moment, ...] = ()
    if time is not None:
        read = moments(texts[time], lines, found.names[time], date_format)
        order = in_order(read, lines, found.names[time], gaps)
        times = tuple(read[i] for i in order.index)
    rows = np.arange(len(lines)) if order is None else order.index
    values = []
    for i in places:
        column = _known(found, i, texts[i], absent[i], lines, decimal)
        column[rows] = _filled(found, i, column[rows], np.array(lines)[rows], missing)
        values.append(column if order is None else between(column, order))
    made = 0 if order is None else int(order.place[-1]) + 1 - len(rows)
    names = tuple(found.names[i] for i in places)
    counts = {found.names[i]: sum(absent[i]) for i in places}
    return Columns(np.stack(values, axis=1), names, times, counts, made)


def _known(
    found: Table,
    place: int,
    texts: list[str],
    absent: list[bool],
    lines: list[int],
    decimal: str | None,
) -> np.ndarray:
    """Read the numbers of a column, NaN where they are missing."""
    there = [i for i, gone in enumerate(absent) if not gone]
    values = np.full(len(texts), np.nan)
    some, where = [texts[i] for i in there], [lines[i] for i in there]
    values[there] = numbers(found, place, some, where, decimal)
    return values


def _filled(
    found: Table, place: int, values: np.ndarray, lines: np.ndarray, missing: str
) -> np.ndarray:
    """Fill what is missing, in the order of time."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known) == len(values):
        return values
    name = found.names[place]
    begins = len(known) > 0 and known[0] == 0
    ends = missing == 'hold' or (len(known) > 0 and known[-1] + 1 == len(values))
    if not begins or not ends:
        edge, side = (-1, 'after') if begins else (0, 'before')
        raise ValueError(
            f"'{name}' of '{found.path}' is missing in row {lines[edge]}, and no value "
            f'stands {side} it, wanted one to fill from: leave such rows out'
        )
    if missing == 'line':
        return np.interp(np.arange(len(values)), known, values[known])
    last = np.maximum.accumulate(
        np.where(np.isfinite(values), np.arange(len(values)), 0)
    )
    return values[last]


def _refuse_missing(
    found: Table, absent: dict[int, list[bool]], lines: list[int]
) -> None:
    """Name all columns with missing values, and some of the rows."""
    said = []
    for place, gone in absent.items():
        rows = [line for line, is_gone in zip(lines, gone, strict=True) if is_gone]
        if rows:
            more = f' and {len(rows) - 5} more' if len(rows) > 5 else ''
            few = ', '.join(map(str, rows[:5]))
            said.append(f"'{found.names[place]}' in row {few}{more}")
    if said:
        raise ValueError(
            f"'{found.path}' lacks {'; '.join(said)}, wanted a number in each: fill "
            "them, or say missing='hold' for the last value before or missing='line' "
            'for a line to the next one'
        )
