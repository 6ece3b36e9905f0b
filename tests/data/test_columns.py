"""Tables of several columns: what is missing, filled, and how they are parted."""

import datetime
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax import data

TEXT = (
    'day,a,b,note\n'
    '2024-01-03,3,NA,x\n'
    '2024-01-01,1,10,y\n'
    '2024-01-02,?,20,z\n'
    '2024-01-04,4,40,-\n'
)


def table(folder: Path, text: str = TEXT) -> Path:
    (folder / 'table.csv').write_text(text)
    return folder / 'table.csv'


@pytest.mark.parametrize(
    'missing, wanted',
    [
        ('hold', [[1, 10], [1, 20], [3, 20], [4, 40]]),
        ('line', [[1, 10], [2, 20], [3, 30], [4, 40]]),
    ],
)
def test_what_is_missing_is_filled_in_the_order_of_time(
    missing: str, wanted: list, tmp_path: Path
) -> None:
    read = data.read_columns(table(tmp_path), ['a', 'b'], date='day', missing=missing)
    np.testing.assert_array_equal(read.values, wanted)
    assert read.names == ('a', 'b') and read.filled == {'a': 1, 'b': 1}
    assert read.times[0] == datetime.datetime(2024, 1, 1)
    assert 'filled: 1 of a, 1 of b' in read.summary


def test_what_is_missing_is_refused_with_all_its_rows(tmp_path: Path) -> None:
    path = table(tmp_path)
    with pytest.raises(ValueError, match="lacks 'a' in row 4; 'b' in row 2, wanted"):
        data.read_columns(path, ['a', 'b'], date='day')
    with pytest.raises(ValueError, match="'note' is 'x' in row 2, wanted a number"):
        data.read_columns(path, date='day', missing='hold')


def test_columns_agree_with_those_read_alone(tmp_path: Path) -> None:
    path = table(tmp_path, 'when;p;q\n02.01.2024;1,5;2\n01.01.2024;-3;4e1\n')
    settings = {'date': 'when', 'decimal': ',', 'date_format': 'day-first'}
    read = data.read_columns(path, ['q', 'p'], **settings)
    for name, column in zip(('q', 'p'), read.values.T, strict=True):
        np.testing.assert_array_equal(column, data.read_column(path, name, **settings))
    assert data.read_columns(path, **settings).names == ('p', 'q')


def test_rows_that_are_missing_are_made_and_counted(tmp_path: Path) -> None:
    days = [1, 2, 3, 5, 6, 7]
    text = 'day,a,b\n' + ''.join(f'2024-01-0{d},{d},{-d}\n' for d in days)
    path = table(tmp_path, text)
    with pytest.raises(ValueError, match='another length than the usual'):
        data.read_columns(path, date='day')
    read = data.read_columns(path, date='day', gaps='fill')
    np.testing.assert_array_equal(read.values[:, 0], np.arange(1, 8))
    np.testing.assert_array_equal(read.values[:, 1], -np.arange(1, 8))
    assert read.made == 1 and '1 steps made' in read.summary
    kept = data.read_columns(path, date='day', gaps='keep')
    assert kept.values.shape == (6, 2)


@pytest.mark.parametrize(
    'text, settings, message',
    [
        (
            'a,b\n,1\n2,3\n',
            {'missing': 'hold'},
            "'a' of .* row 2, and no value stands b",
        ),
        (
            'a,b\n1,1\n-,3\n',
            {'missing': 'line'},
            "'a' of .* row 3, and no value stands a",
        ),
        ('a,b\n-,1\nna,3\n', {'missing': 'hold'}, 'no value'),
        ('a,b\n1,2\n', {'missing': 'zero'}, "missing is 'zero'"),
        ('a,b\n1,2\n', {'columns': 'a'}, 'put it in brackets'),
        ('a,b\n1,2\n', {'columns': ['a', 'a']}, 'each once'),
        ('a,b\n1,2\n', {'columns': ['c']}, "no column 'c'"),
        ('a,b\n1,2\n', {'columns': []}, 'one or more'),
        (
            'a,b\n1,2\n',
            {'columns': ['a'], 'date': 'a', 'date_format': 'number'},
            'none',
        ),
        ('day,b\n2024-01-02,2\n2024-01-01,3\n', {'columns': ['b']}, 'goes back'),
        ('a,b\n1,2,3\n', {}, 'has 3 fields'),
    ],
)
def test_what_is_not_clear_is_refused(
    text: str, settings: dict, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        data.read_columns(table(tmp_path, text), **settings)


SERIES = np.stack([np.arange(50.0), 100 + np.arange(50.0)], axis=1)


def test_windows_of_several_channels_are_those_of_each() -> None:
    both = data.all_windows(SERIES, 5, 2, every=3)
    assert both['history'].shape == (15, 5, 2) and both['target'].shape == (15, 2, 2)
    assert all(np.shares_memory(values, SERIES) for values in both.values())
    for channel in range(2):
        alone = data.all_windows(SERIES[:, channel], 5, 2, every=3)
        np.testing.assert_array_equal(both['target'][..., channel], alone['target'])
        np.testing.assert_array_equal(
            both['history'][..., channel], alone['history'][..., 0]
        )


def test_a_source_draws_the_same_windows_of_all_channels() -> None:
    key = jax.random.key(0)
    both, alone = (
        jax.jit(data.window_source(s, 5, 2, batch_size=11).next)(
            key, jnp.int32(3), None
        )
        for s in (SERIES, SERIES[:, 0])
    )
    assert both[1]['history'].shape == (11, 5, 2)
    np.testing.assert_array_equal(both[1]['target'][..., 0], alone[1]['target'])
    np.testing.assert_array_equal(
        both[1]['target'][..., 1], 100 + np.asarray(alone[1]['target'])
    )


def test_parts_by_rows_predict_each_value_once() -> None:
    parts = data.by_rows(SERIES, (20, 10, 15), history=4)
    predicted = {
        name: data.all_windows(part, 4, 1)['target'][:, 0, 0].tolist()
        for name, part in parts.items()
    }
    assert predicted['train'] == list(range(4, 20))
    assert predicted['validation'] == list(range(20, 30))
    assert predicted['test'] == list(range(30, 45))
    assert all(np.shares_memory(part, SERIES) for part in parts.values())


def test_months_are_those_of_the_calendar() -> None:
    hours = [
        datetime.datetime(2016, 7, 1) + datetime.timedelta(hours=n)
        for n in range(17_420)
    ]
    assert data.rows_of_months(hours, (12, 4, 4)) == [8760, 123 * 24, 120 * 24]
    assert data.rows_of_months(hours[:1500], (1, 1)) == [744, 744]


@pytest.mark.parametrize(
    'make, message',
    [
        (
            lambda: data.by_rows(SERIES, (20, 20, 20)),
            '60 together, and the series has 50',
        ),
        (lambda: data.by_rows(SERIES, (20, 0, 20)), 'rows are'),
        (lambda: data.by_rows(SERIES, (20, 9)), 'wanted three'),
        (lambda: data.by_rows(SERIES, (5, 5, 5), history=6), 'history 6'),
        (lambda: data.rows_of_months([1.0, 2.0], (1,)), 'have no dates'),
        (lambda: data.rows_of_months([], (1,)), 'have no dates'),
        (
            lambda: data.rows_of_months([datetime.datetime(2024, 1, 1)], (1, 1)),
            '2 together, and the rows reach over 1',
        ),
        (
            lambda: data.rows_of_months(
                [datetime.datetime(2024, 2, 1), datetime.datetime(2024, 1, 1)], (1,)
            ),
            'go back',
        ),
        (
            lambda: data.rows_of_months([datetime.datetime(2024, 1, 1)], ()),
            'months are',
        ),
    ],
)
def test_parts_that_cannot_be_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
