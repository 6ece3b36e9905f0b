"""Dates and times as tables write them, a whole column at a time."""

import datetime
import re
from collections.abc import Callable, Sequence

from dljax.data.numerals import number

Moment = datetime.datetime | float
NAMED = ('iso', 'day-first', 'month-first', 'unix', 'unix-ms', 'year', 'number')
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_PARTS = re.compile(r'(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})(?:[ T]+(\S.*))?', re.ASCII)
_QUARTER = re.compile(r'(\d{4})[ -]?Q([1-4])', re.ASCII)
_CLOCK = re.compile(
    r'(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?: ?([AaPp])\.?[Mm]\.?)?', re.ASCII
)
_WRITTEN = tuple(
    day + clock
    for day in (
        '%d-%b-%Y',
        '%d %b %Y',
        '%d %B %Y',
        '%b %d, %Y',
        '%B %d, %Y',
        '%b %Y',
        '%B %Y',
        '%b-%Y',
        '%Y-%b',
    )
    for clock in ('', ' %H:%M', ' %H:%M:%S')
)


def moments(
    texts: Sequence[str], lines: Sequence[int], column: str, form: str | None = None
) -> list[Moment]:
    """Read a column of dates, all in one form.

    Args:
        texts: of the fields.
        lines: in which they stand, for the messages.
        column: its name.
        form: one of `NAMED`, or a pattern of `datetime.strptime` such as '%d.%m.%y';
            by default the one form that fits all of them.

    Returns:
        Dates and times; numbers where the form is 'number'. With an offset from UTC
        all have one, or none has.

    Raises:
        ValueError: for what is no date of that form, with its row, or where day and
            month may be exchanged.

    Example:
        >>> moments(['31/01/2024', '01/02/2024'], [2, 3], 'day')[1].isoformat()
        '2024-02-01T00:00:00'
    """
    if form is not None and form not in NAMED and '%' not in form:
        raise ValueError(
            f'date_format is {form!r}, wanted one of {", ".join(NAMED)}, or a pattern '
            "such as '%d.%m.%Y %H:%M'"
        )
    if form is None:
        forms = fitting(texts)
        if len(forms) > 1:
            raise ValueError(
                f"'{column}' is {texts[0]!r} in row {lines[0]}, which may be the "
                f'{_either(texts[0])}, as all others may: say date_format='
                f"'{forms[0]}' or '{forms[1]}'"
            )
        form = forms[0] if forms else _closest(texts)
    read, found = reader(form), []
    for text, line in zip(texts, lines, strict=True):
        try:
            found.append(read(text))
        except (ValueError, OverflowError):
            hint = (
                "say date_format, such as '%d.%m.%y', or 'number' for counted steps"
                if form == 'iso'
                else f'by date_format={form!r} it is none'
            )
            raise ValueError(
                f"'{column}' is {text[:40]!r} in row {line}, wanted a date such as "
                f'2024-03-31 or 2024-03-31T18:00+01:00: {hint}'
            ) from None
    aware = [isinstance(m, datetime.datetime) and m.tzinfo is not None for m in found]
    if len(set(aware)) > 1:
        odd = lines[aware.index(not aware[0])]
        raise ValueError(
            f"'{column}' has an offset from UTC in one of the rows {lines[0]} and "
            f'{odd} and none in the other, wanted all or none: write it in all'
        )
    return found


def fitting(texts: Sequence[str]) -> list[str]:
    """Name the forms that all texts of a column are in.

    Args:
        texts: of the fields.

    Returns:
        One; two if day and month may be exchanged; none if it holds no dates.

    Example:
        >>> fitting(['03/04/2024', '04/04/2024']), fitting(['2024-04-03'])
        (['day-first', 'month-first'], ['iso'])
    """
    tried = ('iso', 'day-first', 'month-first', 'year', 'unix', 'unix-ms', *_WRITTEN)
    found = [form for form in tried if texts and all(_fits(form, t) for t in texts)]
    both = [form for form in found if form.endswith('-first')]
    if len(both) == 2 and all(_read(both[0], t) == _read(both[1], t) for t in texts):
        return both[:1]
    return both if len(both) == 2 else found[:1]


def instant(moment: Moment) -> int | float:
    """Give microseconds since 1970 in UTC; numbers stay what they are."""
    if not isinstance(moment, datetime.datetime):
        return moment
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (moment - _EPOCH) // datetime.timedelta(microseconds=1)


def _fits(form: str, text: str) -> bool:
    # Bare digits are many things: they are told apart by how many there are.
    digits = {'year': 4, 'unix': 10, 'unix-ms': 13}.get(form)
    if form == 'iso' and text.isdigit() and len(text) != 8:
        return False
    if digits and len(text.split('.')[0]) != digits:
        return False
    try:
        _read(form, text)
    except (ValueError, OverflowError):
        return False
    return True


def _read(form: str, text: str) -> Moment:
    return reader(form)(text)


def reader(form: str) -> Callable[[str], Moment]:
    """Give what reads the dates of one form, and raises ValueError for others."""
    if form in _READERS:
        return _READERS[form]
    return lambda text: datetime.datetime.strptime(text, form)


def _iso(text: str) -> datetime.datetime:
    if not text.isascii() or '_' in text:
        raise ValueError('no date')
    if quarter := _QUARTER.fullmatch(text):
        return datetime.datetime(int(quarter[1]), 3 * int(quarter[2]) - 2, 1)
    if re.fullmatch(r'\d{4}[-/]\d{2}', text):
        return datetime.datetime(int(text[:4]), int(text[5:]), 1)
    parts = _PARTS.fullmatch(text)
    if parts and len(parts[1]) == 4 and (parts[2] != '-' or len(parts[3]) == 1):
        return _made(parts[1], parts[3], parts[4], parts[5])
    return datetime.datetime.fromisoformat(text)


def _day_first(text: str) -> datetime.datetime:
    return _ordered(text, 1, 3)


def _month_first(text: str) -> datetime.datetime:
    return _ordered(text, 3, 1)


def _ordered(text: str, day: int, month: int) -> datetime.datetime:
    parts = _PARTS.fullmatch(text)
    if not parts or len(parts[4]) != 4 or len(parts[1]) > 2:
        raise ValueError('no date')
    return _made(parts[4], parts[month], parts[day], parts[5])


def _made(year: str, month: str, day: str, clock: str | None) -> datetime.datetime:
    date = datetime.datetime(int(year), int(month), int(day))
    if clock is None:
        return date
    parts = _CLOCK.fullmatch(clock)
    if parts is None:
        time = datetime.time.fromisoformat(clock)  # with an offset
        return datetime.datetime.combine(date, time)
    hour = int(parts[1])
    if parts[5]:
        if not 1 <= hour <= 12:
            raise ValueError('no hour')
        hour = hour % 12 + (12 if parts[5] in 'pP' else 0)
    fraction = int((parts[4] or '').ljust(6, '0')[:6])
    return date.replace(
        hour=hour, minute=int(parts[2]), second=int(parts[3] or 0), microsecond=fraction
    )


def _seconds(text: str, unit: float = 1.0) -> datetime.datetime:
    value = number(text, '', 0, '.') / unit
    return _EPOCH + datetime.timedelta(seconds=value)


def _year(text: str) -> datetime.datetime:
    if not re.fullmatch(r'[12]\d{3}', text, re.ASCII):
        raise ValueError('no year')
    return datetime.datetime(int(text), 1, 1)


def _closest(texts: Sequence[str]) -> str:
    """Choose the form that most of the first texts are in, to name the odd one."""
    tried = ('iso', 'day-first', 'month-first', 'year', 'unix', *_WRITTEN)
    few = texts[:100]
    best = max(tried, key=lambda form: sum(_fits(form, text) for text in few))
    return best if any(_fits(best, text) for text in few) else 'iso'


def _either(text: str) -> str:
    return ' or the '.join(
        f'{_read(form, text):%d %B %Y}' for form in ('day-first', 'month-first')
    )


_READERS: dict[str, Callable[[str], Moment]] = {
    'iso': _iso,
    'day-first': _day_first,
    'month-first': _month_first,
    'unix': _seconds,
    'unix-ms': lambda text: _seconds(text, 1e3),
    'year': _year,
    'number': lambda text: number(text, '', 0, '.'),
}
