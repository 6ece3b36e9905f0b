"""Rows of a file of separated values, each with the line that it begins in."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dljax.data.decoded import lines

DELIMITERS = (',', ';', '\t', '|')
_EXCEL = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # its first line may say so


class Row(NamedTuple):
    """One row.

    Attributes:
        line: in which it begins, counted from 1 as an editor counts.
        fields: without blanks around them; none for a blank line.
    """

    line: int
    fields: list[str]


class Table(NamedTuple):
    """How a file is to be read.

    Attributes:
        path: of the file.
        delimiter: between two fields.
        names: of the columns; their numbers, from '1', where the file names none.
        line: of the names, or 0.
        quoted: whether quotes around a field belong to the form and not to the text.
    """

    path: Path
    delimiter: str
    names: list[str]
    line: int
    quoted: bool = True


def table(
    path: Path,
    delimiter: str | None,
    decimal: str | None,
    header: bool | None,
    *,
    quoted: bool = True,
) -> Table:
    r"""Find out what separates the fields, and read the names of the columns.

    Args:
        path: of the file, in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark.
        delimiter: between two fields, 'tab' or '\\t' too; by default the one of `,`,
            `;`, tab and `|` that the first row is parted by, where the others do not
            part all rows alike as well.
        decimal: '.', ',' or `None`.
        header: whether the first row names the columns; `None` refuses one that seems
            to be numbers.
        quoted: whether quotes around a field belong to the form and not to the text.

    Returns:
        How to read it.

    Raises:
        ValueError: for a setting out of range, or a file whose form is not clear.
    """
    if decimal not in (None, '.', ','):
        raise ValueError(f"decimal is {decimal!r}, wanted '.' or ','")
    delimiter = {'tab': '\t', r'\t': '\t'}.get(delimiter or '', delimiter)
    if delimiter is not None and (
        len(delimiter) != 1
        or delimiter.isalnum()
        or delimiter in '"\r\n.+-\0'
        or delimiter == decimal
    ):
        raise ValueError(
            f'delimiter is {delimiter!r} and decimal {decimal!r}, wanted one character '
            "that is in no number, such as ',', ';' or 'tab', and not the decimal sign"
        )
    said = _EXCEL.fullmatch(next(lines(path), '').strip())
    first = 1 if said else 0
    if delimiter is None:
        delimiter = str(said[1]) if said else _found(path, decimal, quoted)
    every = rows(path, delimiter, quoted)
    begun = (row for row in every if row.fields and row.line > first)
    line, names = next(begun, (0, []))
    if not names:
        raise ValueError(
            f"'{path}' is empty, wanted a first row with the names of the columns"
        )
    if header is False:
        numbers = [str(i + 1) for i in range(len(names))]
        return Table(path, delimiter, numbers, first, quoted)
    if header is None and all(is_value(name) for name in names):
        raise ValueError(
            f"'{path}' has {quote(names)} in its first row {line}, wanted the names "
            'of the columns: write them there, or say header=False, by which the '
            "columns are called '1', '2' and so on (header=True if these are names)"
        )
    return Table(path, delimiter, names, line, quoted)


def body(found: Table, *, prose: bool = False) -> Iterator[Row]:
    """Give the rows after the names, each with as many fields as there are names.

    Args:
        found: how to read the file.
        prose: whether fields are texts, which may begin with '#' or with 'Total'.

    Yields:
        The rows, blank lines left out; in a table of one column these are gaps.

    Raises:
        ValueError: for a row with more or fewer fields, a comment, a gap, or a total.
    """
    count = len(found.names)
    # A separator after the last name only makes a column that no row has to have.
    least = max(i + 1 for i, name in enumerate(found.names) if name or not i)
    blank, comment, last, second = None, None, Row(0, ['']), Row(0, [''])
    for row in rows(found.path, found.delimiter, found.quoted):
        if row.line <= found.line:
            continue
        if not row.fields:
            blank = blank or row
            continue
        if blank and count == 1 and last.line:
            raise ValueError(
                f"row {blank.line} of '{found.path}' is empty, wanted a value: fill "
                'the gap, or leave the row out'
            )
        if not least <= len(row.fields) <= count:
            raise ValueError(_uneven(found, row))
        noted = not prose and row.fields[0].startswith('#')
        if comment is not None and noted != comment:
            raise ValueError(
                f"one of the rows {last.line} and {row.line} of '{found.path}' begins "
                "with '#' and the other does not, wanted data in both: take comments "
                'out'
            )
        blank, comment, second, last = None, noted, last, row
        yield row
    total = last.fields[0].casefold().rstrip(':')
    if (
        not prose
        and count > 1
        and total in _TOTALS
        and last.fields[0] != second.fields[0]
    ):
        raise ValueError(
            f"the last row {last.line} of '{found.path}' begins with "
            f'{last.fields[0]!r}, wanted data alone: leave it out'
        )


_TOTALS = ('total', 'totals', 'grand total', 'sum', 'mean', 'average', 'summe')


def rows(path: Path, delimiter: str, quoted: bool = True) -> Iterator[Row]:
    """Give all rows of a file as they stand.

    Args:
        path: of the file.
        delimiter: between two fields.
        quoted: whether quotes around a field belong to the form and not to the text.

    Yields:
        The rows, blank lines as rows without fields.

    Raises:
        ValueError: for text that cannot be decoded, NUL characters or an open quote.
    """
    reader = csv.reader(
        lines(path),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
        skipinitialspace=True,
    )
    begin = 1
    try:
        for fields in reader:
            fields = [field.strip(' \t') for field in fields]
            yield Row(
                begin, [] if fields == [''] and begin == reader.line_num else fields
            )
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"'{path}' cannot be read at row {begin} ({error}), wanted a CSV file: "
            'look for a quote that is not closed, or not doubled inside a field'
        ) from None


def _found(path: Path, decimal: str | None, quoted: bool) -> str:
    """Find the delimiter by the first row, and by all where several part that."""
    parted = {}
    for delimiter in DELIMITERS:
        if delimiter != decimal:
            first = _first_or(path, delimiter, quoted)
            if len(first) > 1:
                parted[delimiter] = len(first)
    if not parted:
        # One column; a comma in it is the decimal sign, or makes a field too many.
        return ';' if decimal == ',' else ','
    if len(parted) > 1:
        even = [d for d, n in parted.items() if _is_even(path, d, n, quoted)]
        if len(even) != 1:
            raise ValueError(
                f"the fields of '{path}' may be separated by any of "
                f'{", ".join(map(repr, even or parted))}: say which by delimiter'
            )
        return even[0]
    return next(iter(parted))


def _first_or(path: Path, delimiter: str, quoted: bool) -> list[str]:
    """Read the first row; nothing where the quotes do not fit the delimiter."""
    try:
        return next((r.fields for r in rows(path, delimiter, quoted) if r.fields), [])
    except ValueError:
        return []


def _is_even(path: Path, delimiter: str, count: int, quoted: bool) -> bool:
    try:
        return all(len(r.fields) in (0, count) for r in rows(path, delimiter, quoted))
    except ValueError:
        return False


def _uneven(found: Table, row: Row) -> str:
    """Say that a row has more or fewer fields than there are names, and what to do."""
    if len(row.fields) < len(found.names):
        hint = 'fill what is missing in it, or leave the row out'
    elif not row.fields[-1]:
        hint = 'take the separator at its end away, or add one after the last name'
    else:
        hint = (
            f'put quotes around a field that holds {found.delimiter!r} (a decimal '
            "comma, thousands, a list), say delimiter and decimal=',' if the file is "
            "of that kind, or give the column of R's row names a name "
            '(row.names=FALSE leaves it out)'
        )
    names = 'the first row' if found.line else 'first'
    return (
        f"row {row.line} of '{found.path}' has {len(row.fields)} fields and {names} "
        f'{len(found.names)}, wanted as many: {hint}'
    )


def column_of(found: Table, column: str, header: bool | None) -> int:
    """Find a column by its name.

    Args:
        found: how to read the file.
        column: the name.
        header: as `table` takes it; `None` refuses a name that may be a value.

    Returns:
        Its number, from 0 on.

    Raises:
        ValueError: if there is none of that name or more than one, with all there are.
    """
    names, path = found.names, found.path
    column = column.strip()
    if not column or names.count(column) != 1:
        many = 'more than one column' if column in names else 'no column'
        other = next(
            (d for d in ';\t|, ' if d != found.delimiter and d in names[0]), None
        )
        hint = f'; the fields seem to be separated by {other!r}' if other else ''
        raise ValueError(
            f"'{path}' has {many} '{column}', wanted one of {quote(names)}{hint}"
        )
    if header is None and is_value(column):
        raise ValueError(
            f"'{path}' has {column!r} in its first row, which may be a value, wanted "
            'the name of a column: say header=True if it is one, or header=False, by '
            "which the columns are called '1', '2' and so on"
        )
    return names.index(column)


def is_value(text: str) -> bool:
    """Tell what is hardly a name: a number, a date, a sign that one is missing."""
    if text.casefold() in ('', 'na', 'n/a', 'nan', 'null', 'none', 'inf', '-inf'):
        return True
    rest = re.sub('[eETZ]', '', text)  # as in 1e5 and 2024-03-31T18:00Z
    return any(map(str.isdigit, text)) and not any(map(str.isalpha, rest))


def quote(names: Sequence[str]) -> str:
    """Quote names, but not without end."""
    more = f' and {len(names) - 12} more' if len(names) > 12 else ''
    return ', '.join(f"'{name[:40]}'" for name in names[:12]) + more
