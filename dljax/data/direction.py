"""Whether the rows of a table go forward in time, where nobody said which column tells.

Only the order is asked here, so more forms are understood than `timestamps` reads: of a
year of two digits any order of day, month and year will do, since all have to go back.
"""

import datetime
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dljax.data.timestamps import instant, reader

COUNTED = re.compile(r'\d{1,19}(\.\d{1,9})?', re.ASCII)
# Names of columns whose bare numbers are times, or count them.
_TIMES = re.compile(
    'date|datum|time|stamp|epoch|year|quarter|month|week|day|hour|minute|period|step|'
    r'index|\b(ds|dt|ts|t)\b',
    re.IGNORECASE,
)
_ZONE = re.compile(r' ?\(?(?!AM|PM)[A-Z]{2,5}\)?$')
_WEEKDAY = re.compile(r'^[^\W\d_]{2,10}[.,]* +(?=\d)')
_CLOCK = re.compile(
    r'(?:^|[ T,]+)(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?(?: ?([AaPp])\.?[Mm]\.?)?$',
    re.ASCII,
)
_SHORT = re.compile(r'(\d{1,2})([/.-])(\d{1,2})\2(\d{2})', re.ASCII)
_QUARTER = re.compile(r'Q([1-4])[ /-]?(\d{2}|\d{4})', re.ASCII)
# In English, German, French, Spanish and Italian, without accents.
_MONTHS = tuple(
    names.split()
    for names in (
        'january januar janvier enero gennaio',
        'february februar fevrier febrero febbraio',
        'march marz mrz mars marzo',
        'april avril abril aprile',
        'may mai mayo maggio',
        'june juni juin junio giugno',
        'july juli juillet julio luglio',
        'august aout agosto',
        'september septembre septiembre settembre',
        'october oktober octobre octubre ottobre',
        'november novembre noviembre',
        'december dezember decembre diciembre dicembre',
    )
)
_BESIDES = ('st', 'nd', 'rd', 'th', 'de', 'del', 'of')
SOME = 200  # rows that are looked at to find the form
_MOST = 0.6  # of them have to be in it: the others may be gaps or notes


def tells(name: str, texts: Sequence[str]) -> bool:
    """Tell whether a column may hold times that matter, by its name and first rows.

    Args:
        name: of the column.
        texts: of its first rows, one or more.

    Returns:
        Also true for numbers of any name that never rise: they may count the rows.

    Example:
        >>> tells('when', ['3/31/24']), tells('when', ['rain']), tells('n', ['1', '2'])
        (True, False, False)
    """
    if not _TIMES.search(name) and all(COUNTED.fullmatch(text) for text in texts):
        return bool((np.diff([float(text) for text in texts]) <= 0).all())
    return bool(_TIMES.search(name) or _forms(texts))


def backward(columns: Mapping[int, Sequence[str]], names: Sequence[str]) -> tuple:
    """Find a column by which the rows go back in time, unless others never do.

    Args:
        columns: that may hold times: the texts of all rows, by number.
        names: of all columns.

    Returns:
        The number of the column and the first row that an earlier one follows, or
        nothing.

    Example:
        >>> backward({0: ['3/2/24', '3/1/24', '2/29/24'], 1: ['5', '9', '7']}, 'ab')
        (0, 0)
    """
    back: list[tuple[int, int]] = []
    counted: dict[int, np.ndarray] = {}
    for place, texts in columns.items():
        if all(COUNTED.fullmatch(text) for text in texts):
            counted[place] = np.diff([float(text) for text in texts])
            continue
        rows = [_fall(read, texts) for read in _forms(texts)]
        falls = [row for row in rows if row is not None]
        if len(falls) < len(rows):
            return ()
        back += [(place, row) for row in falls[:1]]
    if back:
        return back[0]
    for place, steps in counted.items():
        named = bool(_TIMES.search(names[place]))
        if named and len(steps) and (steps > 0).all():
            return ()
        # Hours and months start again; what only falls was turned round.
        falls = (steps <= 0).all() and (steps < 0).any()
        if falls and (named or _counts(columns[place], steps)):
            back.append((place, int(np.argmax(steps < 0))))
    return back[0] if back else ()


def _counts(texts: Sequence[str], steps: np.ndarray) -> bool:
    """Tell whether falling numbers of any name are times or the numbers of rows."""
    if len(steps) < 2 or not all(text.isdigit() for text in texts):
        return False
    (digits, *others) = {len(text) for text in texts}
    if (steps == steps[0]).all():
        return True
    if digits in (6, 8):  # 202403 or 20240331
        return not others and bool(_forms([f'{t[:4]}-{t[4:6]}' for t in texts]))
    # Seconds to nanoseconds since 1970.
    return not others and digits in (10, 13, 16, 19)


def _fall(read: Callable[[str], float], texts: Sequence[str]) -> int | None:
    """Give the first row that one of an earlier time follows, by one form."""
    last = None
    for row, text in enumerate(texts):
        value = _tried(read, text)
        if value is None:
            continue
        if last is not None and value < last[1]:
            return last[0]
        last = row, value
    return None


def _forms(texts: Sequence[str]) -> list[Callable[[str], float]]:
    """List the readers of the forms that most of the texts are in."""
    some = texts[:: len(texts) // SOME + 1]
    return [
        read
        for read in _READERS
        if sum(_tried(read, text) is not None for text in some) >= _MOST * len(some)
    ]


def _tried(read: Callable[[str], float], text: str) -> float | None:
    if not text or COUNTED.fullmatch(text):
        return None
    try:
        return read(_ZONE.sub('', text))
    except (ValueError, OverflowError):
        return None


def _full(form: str) -> Callable[[str], float]:
    """Read what `timestamps` does, a weekday before it or not."""
    return lambda text: instant(reader(form)(_WEEKDAY.sub('', text)))


def _short(order: str) -> Callable[[str], float]:
    """Read dates whose year has two digits, in an order such as 'dmy'."""

    def read(text: str) -> float:
        clock = _CLOCK.search(text)
        found = _SHORT.fullmatch(_CLOCK.sub('', _WEEKDAY.sub('', text)))
        if found is None:
            raise ValueError('no date')
        given = dict(zip(order, found.group(1, 3, 4), strict=True))
        return _moment(given['y'], int(given['m']), given['d'], clock)

    return read


def _in_words(text: str) -> float:
    """Read dates whose month is a word."""
    clock = _CLOCK.search(text)
    plain = unicodedata.normalize('NFKD', _CLOCK.sub('', text).casefold())
    plain = ''.join(sign for sign in plain if not unicodedata.combining(sign))
    words = [w for w in re.findall('[a-z]+', plain) if w not in _BESIDES]
    months = [month for word in words[-2:] if (month := _month(word))]
    numbers = re.findall('[0-9]+', plain)
    # Beside the month there may be the day of the week, before it.
    if not months or len(words) > 2 or not 1 <= len(numbers) <= 2:
        raise ValueError('no date')
    day, year = numbers if len(numbers) == 2 else ('1', numbers[0])
    if len(day) == 4:
        day, year = year, day
    return _moment(year, months[-1], day, clock)


def _month(word: str) -> int | None:
    if len(word) < 3:
        return None
    fits = (any(name.startswith(word) for name in names) for names in _MONTHS)
    return next((number for number, fit in enumerate(fits, 1) if fit), None)


def _hours(text: str) -> float:
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        raise ValueError('no hour')
    return _moment('1970', 1, '1', clock)


def _quarters(text: str) -> float:
    found = _QUARTER.fullmatch(text)
    if found is None:
        raise ValueError('no quarter')
    return _moment(found[2], 3 * int(found[1]) - 2, '1', None)


def _moment(year: str, month: int, day: str, clock: re.Match | None) -> float:
    hour, minute, second, half = clock.groups() if clock else ('0', '0', '0', None)
    hour = int(hour)
    if half:
        hour = hour % 12 + (12 if half in 'pP' else 0)
    # As `strptime` does: 69 to 99 are of the last century.
    century = 0 if len(year) > 2 else 1900 if int(year) > 68 else 2000
    return instant(
        datetime.datetime(
            century + int(year), month, int(day), hour, int(minute), int(second or 0)
        )
    )


_READERS = (
    *map(_full, ('iso', 'day-first', 'month-first')),
    *map(_short, ('dmy', 'mdy', 'ymd')),
    _in_words,
    _hours,
    _quarters,
)
