"""Dates in tables: how they are read, and how rows lie by them."""

import datetime
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dljax.data.spacing import in_order
from dljax.data.timestamps import NAMED, instant, moments

UTC = datetime.UTC


def read(*texts: str, form: str | None = None) -> list:
    return moments(texts, range(2, 2 + len(texts)), 'day', form)


@pytest.mark.parametrize(
    ('texts', 'form', 'first'),
    [
        (['2024-03-31', '2024-04-01'], None, '2024-03-31T00:00:00'),
        (['20240331', '20240401'], None, '2024-03-31T00:00:00'),
        (['2024-03', '2024-04'], None, '2024-03-01T00:00:00'),
        (['2024Q2', '2024Q3'], None, '2024-04-01T00:00:00'),
        (['1999', '2000'], None, '1999-01-01T00:00:00'),
        (['2024/3/1', '2024/3/2'], None, '2024-03-01T00:00:00'),
        (['2024-03-31 18:05:01.5', '2024-04-01'], None, '2024-03-31T18:05:01.500000'),
        (['2024-03-31T18:00Z', '2024-04-01T00:00Z'], None, '2024-03-31T18:00:00+00:00'),
        (['2024-03-31T18:00+02:00'], None, '2024-03-31T18:00:00+02:00'),
        (['03/04/2024', '13/04/2024'], None, '2024-04-03T00:00:00'),
        (['03/04/2024', '03/13/2024'], None, '2024-03-04T00:00:00'),
        (['03.04.2024 6:07'], 'day-first', '2024-04-03T06:07:00'),
        (['03/04/2024 12:30 AM'], 'month-first', '2024-03-04T00:30:00'),
        (['03/04/2024 01:30:05 pm'], 'month-first', '2024-03-04T13:30:05'),
        (['04/04/2024'], None, '2024-04-04T00:00:00'),
        (['3-Apr-2024', '12-May-2024'], None, '2024-04-03T00:00:00'),
        (['April 3, 2024'], None, '2024-04-03T00:00:00'),
        (['Apr 2024', 'May 2024'], None, '2024-04-01T00:00:00'),
        (['03.04.24'], '%d.%m.%y', '2024-04-03T00:00:00'),
        (['1711843200', '1711846800'], None, '2024-03-31T00:00:00+00:00'),
        (['1711843200000'], None, '2024-03-31T00:00:00+00:00'),
        (['86400.5'], 'unix', '1970-01-02T00:00:00.500000+00:00'),
    ],
)
def test_a_form_that_is_clear_is_read(
    texts: list[str], form: str | None, first: str
) -> None:
    found = read(*texts, form=form)
    assert found[0].isoformat() == first
    assert len(found) == 1 or found[0] < found[1]


@pytest.mark.parametrize(
    ('texts', 'form', 'message'),
    [
        (
            ['03/04/2024', '05/06/2024'],
            None,
            "row 2.*03 April 2024 or the 04 March.*'d",
        ),
        (['2024-01-01', 'soon'], None, "'soon' in row 3, wanted a date"),
        (['13/04/2024', '03/13/2024'], None, "'03/13/2024' in row 3"),
        (['2024-01-01', '02.01.2024'], None, "'02.01.2024' in row 3"),
        (['2024-01-01', ''], None, "'' in row 3"),
        (['2024-02-30'], None, "'2024-02-30' in row 2"),
        (['1', '2'], None, "row 2.*'number'"),
        (['03.04.24'], None, 'row 2.*date_format'),
        (['99999999999999999999'], 'unix', 'row 2'),
        (['1e400'], 'unix', 'row 2'),
        (['nan'], 'unix', 'row 2'),
        (['2024-01-01', '2024-01-02T00:00Z'], None, 'offset .*rows 2 and 3 '),
        (['2024-01-01'], 'english', "date_format is 'english', wanted one of iso"),
        (['2024-01-01'], '%d.%m.%Y', "by date_format='%d.%m.%Y' it is none"),
        (['٢٠٢٤-01-01'], None, 'row 2'),
        (['2024-01-01 25:00'], None, 'row 2'),
        (['03/04/2024 13:00 PM'], 'day-first', 'row 2'),
    ],
)
def test_what_is_no_date_or_not_clear_is_refused(
    texts: list[str], form: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read(*texts, form=form)


@given(
    some.lists(
        some.text(string.digits + '-/.:T Z+AaPpMmJanuryQ', max_size=20), max_size=3
    ),
    some.sampled_from([None, *NAMED, '%d.%m.%y', '%', '%%', '%Q']),
)
@settings(max_examples=150, deadline=None, database=None)
def test_any_text_is_a_date_or_refused(texts: list[str], form: str | None) -> None:
    try:
        found = read(*texts, form=form)
    except ValueError as error:
        assert 'row' in str(error) or not texts
    else:
        assert len(found) == len(texts)
        assert np.isfinite([instant(time) for time in found]).all()


def order(texts: list[str], gaps: str = 'refuse') -> list[int]:
    found = in_order(read(*texts), range(2, 2 + len(texts)), 'day', gaps)
    assert (np.diff(found.place) > 0).all()
    return found.place.tolist()


@pytest.mark.parametrize(
    'texts',
    [
        ['2024-01-01', '2024-01-03', '2024-01-05'],
        ['2024-01-31', '2024-02-29', '2024-03-31', '2024-04-30'],
        ['2023-12-01', '2024-01-01', '2024-02-01'],
        ['2024-02-29', '2025-02-28', '2026-02-28', '2027-02-28', '2028-02-29'],
        ['2024-01-04', '2024-01-05', '2024-01-08', '2024-01-09', '2024-01-10'],
        # Over the change of the clocks: by the hour, and by the local day.
        [f'2024-03-31T0{h}:00+0{1 + (h > 1)}:00' for h in (0, 1, 3, 4)],
        [f'2024-03-{d}T00:00+0{1 + (d > 31)}:00' for d in (29, 30, 31)]
        + ['2024-04-01T00:00+02:00', '2024-04-02T00:00+02:00'],
        ['1999', '2000', '2001', '2002'],
    ],
)
def test_equal_steps_are_known_in_days_months_and_workdays(texts: list[str]) -> None:
    places = list(range(len(texts)))
    assert order(texts) == places
    turned = in_order(read(*texts[::-1]), range(len(texts)), 'day')
    assert turned.index.tolist() == places[::-1]


def test_a_gap_is_told_filled_or_kept() -> None:
    texts = ['2024-01-01', '2024-01-02', '2024-01-03', '2024-01-06', '2024-01-07']
    with pytest.raises(
        ValueError, match=r'1 step of .* from 2024-01-03 \(row 4\) to 2024'
    ):
        order(texts)
    assert order(texts, 'fill') == [0, 1, 2, 5, 6]
    assert order(texts, 'keep') == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="gaps is 'drop', wanted one of refuse"):
        order(texts, 'drop')
    # Clocks put forward: without an offset an hour is missing.
    with pytest.raises(ValueError, match='spring.*offset'):
        order([f'2024-03-31 0{h}:00' for h in (0, 1, 3, 4)])


def test_steps_that_fit_no_grid_and_gaps_too_wide_are_not_filled() -> None:
    with pytest.raises(ValueError, match=r"row 4\) to .* \(row 5\).*gaps='keep'"):
        order(['2024-01-01', '2024-01-02', '2024-01-03', '2024-01-03 07:00'], 'fill')
    with pytest.raises(ValueError, match='values beside 4 rows'):
        order(['2024-01-01', '2024-01-02', '2024-01-03', '2064-01-03'], 'fill')


def test_a_date_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match='2024-01-02 in row 3 and in row 5.*autumn'):
        order(['2024-01-01', '2024-01-02', '2024-01-03', '2024-01-02'])
    with pytest.raises(ValueError, match='2 more rows repeat a date'):
        order(['2024-01-01'] * 2 + ['2024-01-02'] * 2 + ['2024-01-03'] * 2)
    # The same moment, by two offsets.
    with pytest.raises(ValueError, match='wanted each once'):
        order(['2024-01-01T01:00+01:00', '2024-01-01T00:00+00:00'])
