"""A column of a CSV file: what is read, and what is refused with its row."""

from pathlib import Path

import numpy as np
import pytest

from dljax.data import read_column


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / 'table.csv'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    'text',
    [
        'day,sold\n1,2.5\n2,-3e2\n',
        'day,sold\r\n1,2.5\r\n2,-3e2',
        '\ufeffsold,day\n2.5,1\n-3e2,2\n',
        '\n"day, first","sold"\n\n"a, ""b""\nc", 2.5 \n\n2,"-3e2"\n\n',
        ' sold ,day\n2.5\n-300,1,2,3\n',
    ],
    ids=['plain', 'windows', 'mark', 'quoted and blank', 'ragged'],
)
def test_the_column_is_read(tmp_path: Path, text: str) -> None:
    values = read_column(write(tmp_path, text), 'sold')
    np.testing.assert_array_equal(values, [2.5, -300.0])
    assert values.dtype == np.float64


def test_a_single_column_needs_no_name_and_a_delimiter_may_differ(
    tmp_path: Path,
) -> None:
    assert read_column(write(tmp_path, 'x\n1\n2\n')).tolist() == [1, 2]
    path = write(tmp_path, 'x;y\n1;2\n')
    assert read_column(path, 'y', delimiter=';').tolist() == [2]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('day,sold\n1,2\n2,many\n', "'sold' is 'many' in row 3, wanted a number"),
        ('day,sold\n1,"1,234"\n', "'sold' is '1,234' in row 2.*no comma"),
        ('day,sold\n1,2\n\n\n2,\n', "'sold' is empty in row 5"),
        ('day,sold\n1,2\n2\n', "'sold' is empty in row 3"),
        ('day,sold\n1,nan\n', "'sold' is 'nan' in row 2, wanted a finite"),
        ('day,sold\n1,inf\n', "'sold' is 'inf' in row 2, wanted a finite"),
        ('day,bought\n1,2\n', "no column 'sold', wanted one of 'day', 'bought'"),
        ('sold,sold\n1,2\n', "more than one column 'sold'"),
        ('day;sold\n1;2\n', "the fields seem to be separated by ';'"),
        ('day,sold\n', 'no row'),
        ('', 'is empty'),
        ('day,sold\n1,"2\n', 'cannot be read at row 2'),
        (b'day,sold\n1,2\nf\xfcr,3\n', 'is not in UTF-8'),
    ],
)
def test_what_is_no_number_is_refused_with_its_row(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_column(write(tmp_path, text), 'sold')


def test_many_columns_without_a_name_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the columns 'day', 'sold': say which"):
        read_column(write(tmp_path, 'day,sold\n1,2\n'))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file '.*absent.csv'"):
        read_column(tmp_path / 'absent.csv', 'sold')
    with pytest.raises(FileNotFoundError, match='there is no file'):
        read_column(tmp_path, 'sold')
