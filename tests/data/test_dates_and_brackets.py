"""Dates and brackets by rule: what is right, what is apart, what is refused."""

import datetime

import numpy as np
import pytest

from dljax.data import brackets, dates
from dljax.data.brackets import SYMBOLS, find_unmatched
from dljax.data.dates import (
    DATE_CHARACTERS,
    FIRST,
    LAST,
    SOURCE_LENGTH,
    STYLES,
    encode,
    write_date,
)

FORMATS = {
    0: '%d %B %Y',
    1: '%B %d, %Y',
    2: '%a %d %b %Y',
    5: '%d.%m.%y',
    6: '%d/%m/%Y',
    7: '%d-%b-%y',
}


@pytest.mark.parametrize('style', FORMATS)
def test_the_standard_library_reads_what_is_written(style: int) -> None:
    for number in range(0, (LAST - FIRST).days, 97):
        day = FIRST + datetime.timedelta(number)
        read = datetime.datetime.strptime(write_date(day, style), FORMATS[style]).date()
        assert (read.day, read.month) == (day.day, day.month)
        assert read.year % 100 == day.year % 100


def test_ordinals_end_as_in_english() -> None:
    said = [write_date(datetime.date(2000, 1, n), 4).split()[1] for n in range(1, 32)]
    assert said[:4] == ['1st', '2nd', '3rd', '4th']
    assert said[10:13] == ['11th', '12th', '13th']
    assert said[20:23] + said[30:] == ['21st', '22nd', '23rd', '31st']


decode = DATE_CHARACTERS.decode


def test_every_text_fits_and_comes_back() -> None:
    for month in range(1, 13):
        for style in range(STYLES):
            text = write_date(
                datetime.date(1998, month, 30 if month != 2 else 28), style
            )
            tokens = encode(text, SOURCE_LENGTH)
            assert decode(tokens) == text
            assert tokens[len(text)] == 1 and not tokens[len(text) + 1 :].any()


def test_splits_share_no_day_and_pairs_agree() -> None:
    sets = dates(0, 3000, 500, 500)
    days = {
        split: {decode(t) for t in arrays['target']} for split, arrays in sets.items()
    }
    assert not days['train'] & days['validation'] and not days['train'] & days['test']
    assert not days['validation'] & days['test']
    for arrays in sets.values():
        assert arrays['source'].max() < DATE_CHARACTERS.size
        rows = zip(
            arrays['source'], arrays['source_length'], arrays['target'], strict=True
        )
        for source, length, target in list(rows)[:200]:
            text, day = (
                decode(source),
                datetime.date.fromisoformat(decode(target)),
            )
            assert len(text) + 1 == length
            assert text in {write_date(day, style) for style in range(STYLES)}


def test_equal_seeds_give_equal_data_and_others_do_not() -> None:
    first, again, other = (dates(s, 9, 9, 9)['train']['target'] for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    first, again, other = (brackets(s, 9, 3, 9)['sequence'] for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_brackets_that_cancel_have_partners() -> None:
    made = brackets(0, 200, 1, 20)
    for sequence, length, label in zip(
        made['sequence'], made['length'], made['label'], strict=True
    ):
        assert not sequence[length:].any() and not label[length:].any()
        text = ''.join(SYMBOLS[row.argmax()] for row in sequence[:length])
        kept = ''.join(c for c, alone in zip(text, label, strict=False) if not alone)
        left = ''.join(c for c, alone in zip(text, label, strict=False) if alone)
        while '()' in (kept := kept.replace('x', '')):
            kept = kept.replace('()', '')
        assert kept == ''
        assert left == ')' * left.count(')') + '(' * left.count('(')
    assert set(made['length']) == set(range(1, 21))


def test_a_bracket_may_wait_for_its_partner_at_any_distance() -> None:
    assert find_unmatched('(' + 'x' * 50 + ')') == [False] * 52
    assert find_unmatched('(' + 'x' * 50) == [True] + [False] * 50


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: write_date(FIRST, 8), 'style is 8'),
        (lambda: write_date(datetime.date(2030, 1, 1), 0), 'day is 2030-01-01'),
        (lambda: encode('3 May?', 9), "text is '3 May[?]'"),
        (lambda: encode('3 May', 5), 'at most 4'),
        (lambda: dates(0, 0), "'train': 0"),
        (lambda: brackets(0, 5, 4, 3), 'shortest 4, longest 3'),
    ],
)
def test_what_does_not_fit_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
