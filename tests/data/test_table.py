"""A column of a CSV file: what is read, and what is refused with its row."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dljax.cli import command
from dljax.data import read_column

HERE = Path(__file__).parent


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f'loaded_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TABLES = loaded(HERE / 'tables.py')


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / 'table.csv'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize('case', TABLES.READ)
def test_what_is_clear_is_read(tmp_path: Path, case: str) -> None:
    text, chosen, wanted = TABLES.READ[case]
    values = read_column(write(tmp_path, text), 'sold', **chosen)
    np.testing.assert_array_equal(values, wanted)
    assert values.dtype == np.float64


@pytest.mark.parametrize('case', TABLES.REFUSED)
def test_what_is_not_clear_is_refused_with_its_row(tmp_path: Path, case: str) -> None:
    text, chosen, message = TABLES.REFUSED[case]
    with pytest.raises(ValueError, match=message):
        read_column(write(tmp_path, text), 'sold', **chosen)


WORDS = [  # a command line has no other types
    case
    for case, (_, chosen, _) in TABLES.REFUSED.items()
    if all(isinstance(value, str) for value in chosen.values())
]


@pytest.mark.faults
@pytest.mark.parametrize('case', WORDS)
def test_the_command_line_refuses_the_same_in_a_line(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture
) -> None:
    refused_by_command(tmp_path, case, capsys)


def test_the_command_line_refuses_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    refused_by_command(tmp_path, 'decimal comma', capsys)


def refused_by_command(folder: Path, case: str, capsys: pytest.CaptureFixture) -> None:
    text, chosen, message = TABLES.REFUSED[case]
    words = ['--data', str(write(folder, text)), '--column', 'sold']
    for name, value in chosen.items():
        words += [f'--{name}', value]
    experiment = loaded(HERE.parents[1] / 'experiments/recurrent/forecasting.py')
    with pytest.raises(SystemExit) as ended:
        command(experiment.experiment, [*words, '--workdir', str(folder / 'run')])
    said = capsys.readouterr().err
    # A sign of the decimals that is none is refused by the flag itself.
    assert ended.value.code == (2 if case == 'a decimal sign that is none' else 1)
    if ended.value.code == 1:
        with pytest.raises(ValueError, match=message):
            raise ValueError(said)
        assert 'Traceback' not in said and not (folder / 'run').exists()


def test_a_single_column_needs_no_name_and_no_names_are_numbers(
    tmp_path: Path,
) -> None:
    assert read_column(write(tmp_path, 'x\n1\n2\n')).tolist() == [1, 2]
    path = write(tmp_path, '3.5\n4\n')
    for column in (None, '3.5'):
        with pytest.raises(ValueError, match=r"'3.5' in its first row.*header=False"):
            read_column(path, column)
    assert read_column(path, header=False).tolist() == [3.5, 4]
    assert read_column(path, header=True).tolist() == [4]
    path = write(tmp_path, 'Monday,3\nTuesday,4\n')
    with pytest.raises(ValueError, match="'3' in its first row, which may be a value"):
        read_column(path, '3')
    assert read_column(path, '2', header=False).tolist() == [3, 4]


def test_a_blank_line_is_a_gap_where_there_is_one_column(tmp_path: Path) -> None:
    assert read_column(write(tmp_path, '\nx\n\n1\n2\n\n\n')).tolist() == [1, 2]
    with pytest.raises(ValueError, match='row 3 of .* is empty'):
        read_column(write(tmp_path, 'x\n1\n\n2\n'))


def test_many_columns_without_a_name_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the columns 'day', 'sold': say which"):
        read_column(write(tmp_path, 'day,sold\n1,2\n'))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file '.*absent.csv'"):
        read_column(tmp_path / 'absent.csv', 'sold')
    with pytest.raises(FileNotFoundError, match='there is no file'):
        read_column(tmp_path, 'sold')


def test_rows_are_sorted_by_their_date(tmp_path: Path) -> None:
    path = write(tmp_path, 'sold,day\n3,2024-01-03\n1,2024-01-01\n2,2024-01-02\n')
    assert read_column(path, date='day').tolist() == [1, 2, 3]
    assert read_column(path, 'sold', date='').tolist() == [3, 1, 2]
    path = write(tmp_path, 'sold,day\n3,2024-01-05\n1,2024-01-01\n2,2024-01-02\n')
    with pytest.raises(
        ValueError, match=r'2024-01-02 \(row 4\) to 2024-01-05 \(row 2\)'
    ):
        read_column(path, 'sold', date='day')
    assert read_column(path, 'sold', date='day', gaps='keep').tolist() == [1, 2, 3]
    path = write(
        tmp_path,
        'sold,day\n4,3\n1,0\n2,1\n',
    )
    filled = read_column(path, 'sold', date='day', date_format='number', gaps='fill')
    assert filled.tolist() == [1, 2, 3, 4]


FIELD = some.one_of(
    some.sampled_from(['sold', '1', '-2.5', '1,5', '', 'nan', '2024-01-01', '"', '#']),
    some.text(max_size=6),
)


def read_or_refused(tmp_path: Path, text: bytes, **chosen: str | None) -> None:
    try:
        values = read_column(write(tmp_path, text), **chosen)
    except ValueError as error:
        assert "'" in str(error)
    else:
        assert np.isfinite(values).all() and len(values)


def check_any_table(folder: Path, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, database=None)
    @given(
        some.one_of(
            some.binary(max_size=200),
            some.lists(some.lists(FIELD, max_size=4), max_size=5).map(
                lambda rows: '\n'.join(map(','.join, rows)).encode('utf-8', 'replace')
            ),
        ),
        some.sampled_from([None, '.', ',']),
        some.sampled_from([None, 'sold', '1']),
        some.sampled_from([None, 'day', '2', '']),
    )
    def check(text: bytes, decimal: str, column: str, date: str) -> None:
        read_or_refused(folder, text, column=column, decimal=decimal, date=date)

    check()


@pytest.mark.heavy
def test_any_bytes_are_read_or_refused_in_words(tmp_path: Path) -> None:
    check_any_table(tmp_path, 60)


@pytest.mark.faults
def test_many_bytes_are_read_or_refused_in_words(tmp_path: Path) -> None:
    check_any_table(tmp_path, 2000)
