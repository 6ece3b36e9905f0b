"""A column of numbers from a CSV file of the user's own."""

import csv
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def read_column(
    path: str | os.PathLike[str], column: str | None = None, *, delimiter: str = ','
) -> np.ndarray:
    r"""Read one column of numbers from a CSV file whose first row names the columns.

    Fields may be quoted, a byte-order mark is skipped and so are blank lines. Whatever
    is no finite number is refused with its row, also a gap: to fill it is a decision
    about the data that is not for a reader to make.

    Args:
        path: of the file, in UTF-8.
        column: the name of the column; may be left out where there is only one.
        delimiter: between two fields.

    Returns:
        [rows] float64, in the order of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is no such table, has no such column, or holds anything
            but finite numbers in it. Rows are counted as the lines of the file are.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'sales.csv'
        >>> _ = path.write_text('day,sold\n1,3.5\n2,4\n')
        >>> print(read_column(path, 'sold'))
        [3.5 4. ]
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file '{path}', wanted a CSV file: check the path, seen from "
            f"'{Path.cwd()}'"
        )
    values = []
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            names = next((row for row in reader if row), [])
            place = _place([name.strip() for name in names], column, path, delimiter)
            for row in reader:
                if row:
                    text = row[place].strip() if place < len(row) else ''
                    values.append(_number(text, names[place], reader.line_num))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{path}' is not in UTF-8 ({error.reason} at byte {error.start}), wanted "
            'text in UTF-8: save it as that'
        ) from None
    except csv.Error as error:
        raise ValueError(
            f"'{path}' cannot be read at row {reader.line_num} ({error}), wanted a CSV "
            'file: look for a quote that is not closed'
        ) from None
    if not values:
        raise ValueError(
            f"'{path}' has names of columns but no row, wanted a row for each step"
        )
    return np.array(values)


def _place(names: Sequence[str], column: str | None, path: Path, delimiter: str) -> int:
    """Find the column, or say which there are."""
    if not names:
        raise ValueError(
            f"'{path}' is empty, wanted a first row with the names of the columns"
        )
    shown = ', '.join(f"'{name}'" for name in names)
    if column is None:
        if len(names) > 1:
            raise ValueError(
                f"'{path}' has the columns {shown}: say which, by its name"
            )
        return 0
    if names.count(column) != 1:
        many = 'more than one column' if column in names else 'no column'
        other = next((d for d in ';\t|,' if d != delimiter and d in names[0]), None)
        hint = f'; the fields seem to be separated by {other!r}' if other else ''
        raise ValueError(f"'{path}' has {many} '{column}', wanted one of {shown}{hint}")
    return names.index(column)


def _number(text: str, column: str, row: int) -> float:
    if not text:
        raise ValueError(
            f"'{column}' is empty in row {row}, wanted a number: fill the gap, or "
            'leave the row out'
        )
    try:
        value = float(text)
    except ValueError:
        raise ValueError(
            f"'{column}' is {text!r} in row {row}, wanted a number such as 1234.5: no "
            'unit, and no comma in it'
        ) from None
    if not math.isfinite(value):
        raise ValueError(
            f"'{column}' is {text!r} in row {row}, wanted a finite number: fill the "
            'gap, or leave the row out'
        )
    return value
