"""Dates as people write them in English, and in ISO 8601: kind 'synthetic'."""

import datetime

import numpy as np

from dljax.data.tokens import END
from dljax.data.words import Words

FIRST, LAST = datetime.date(1930, 1, 1), datetime.date(2029, 12, 31)
MONTHS = (
    'January February March April May June July August September October November '
    'December'
).split()
WEEKDAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split()
# The characters of both sides.
DATE_CHARACTERS = Words(
    tuple(sorted({*'0123456789 ,./-thndsrof', *''.join(MONTHS), *''.join(WEEKDAYS)})),
    letters=True,
)
SOURCE_LENGTH, TARGET_LENGTH = 32, 11  # characters, the end included
STYLES = 8


def write_date(day: datetime.date, style: int) -> str:
    """Write a date in one of the styles.

    The number of two digits for a year means one from 1930 to 2029; three numbers stand
    in the British order, day, month, year.

    Args:
        day: from 1930-01-01 to 2029-12-31.
        style: from 0 to 7.

    Returns:
        The text, of at most 31 characters.

    Raises:
        ValueError: for a style or a day out of range.

    Example:
        >>> for style in range(STYLES):
        ...     print(write_date(datetime.date(1998, 3, 22), style))
        22 March 1998
        March 22, 1998
        Sun 22 Mar 1998
        Sunday, March 22nd, 1998
        the 22nd of March, 1998
        22.3.98
        22/03/1998
        22-Mar-98
    """
    if not 0 <= style < STYLES:
        raise ValueError(f'style is {style}, wanted a number from 0 to {STYLES - 1}')
    if not FIRST <= day <= LAST:
        raise ValueError(
            f'day is {day}, wanted {FIRST} to {LAST}: two digits name no other year'
        )
    month, weekday = MONTHS[day.month - 1], WEEKDAYS[day.weekday()]
    number, year, short = day.day, day.year, f'{day.year % 100:02}'
    return (
        f'{number} {month} {year}',
        f'{month} {number}, {year}',
        f'{weekday[:3]} {number} {month[:3]} {year}',
        f'{weekday}, {month} {_ordinal(number)}, {year}',
        f'the {_ordinal(number)} of {month}, {year}',
        f'{number}.{day.month}.{short}',
        f'{number:02}/{day.month:02}/{year}',
        f'{number}-{month[:3]}-{short}',
    )[style]


def encode(text: str, steps: int) -> np.ndarray:
    """Write a text as tokens, with its end and its padding.

    Args:
        text: of characters in `DATE_CHARACTERS`.
        steps: the number of tokens.

    Returns:
        [steps] int32.

    Raises:
        ValueError: for a character that is not among them, or too long a text.
    """
    known = DATE_CHARACTERS.words
    if set(text) - set(known) or len(text) >= steps:
        raise ValueError(
            f'text is {text!r}, wanted at most {steps - 1} of the characters '
            f'{"".join(known)!r}'
        )
    tokens = np.append(DATE_CHARACTERS.encode(text), np.int32(END))
    return np.pad(tokens, (0, steps - len(tokens)))


def dates(
    seed: int, train: int = 20_000, validation: int = 1_000, test: int = 2_000
) -> dict[str, dict[str, np.ndarray]]:
    """Make pairs of a written date and its ISO form, in splits that share no date.

    All days from 1930 to 2029 are dealt out in random order, a tenth to the validation
    and a fifth to the test. Each example takes a day of its split and a style, both at
    random with replacement.

    Args:
        seed: 0 or more; equal seeds give equal sets.
        train: number of examples, 1 or more; so for the others.
        validation: number of examples.
        test: number of examples.

    Returns:
        By split: 'source' [example, 32] and 'target' [example, 11], int32 tokens of
        `DATE_CHARACTERS`, with 'source_length' and 'target_length' [example] int32, the
        end token included.

    Raises:
        ValueError: for a size below 1.

    Example:
        >>> split = dates(0, 1, 1, 1)['test']
        >>> read = DATE_CHARACTERS.decode
        >>> print(read(split['source'][0]), '->', read(split['target'][0]))
        March 22, 2020 -> 2020-03-22
    """
    sizes = {'train': train, 'validation': validation, 'test': test}
    if min(sizes.values()) < 1:
        raise ValueError(f'the sizes are {sizes}, wanted 1 or more of each')
    random = np.random.default_rng(seed)
    days = random.permutation((LAST - FIRST).days + 1)
    parts = np.split(days, [len(days) * 7 // 10, len(days) * 8 // 10])
    return {
        split: _pairs(random, part, size)
        for (split, size), part in zip(sizes.items(), parts, strict=True)
    }


def _pairs(
    random: np.random.Generator, days: np.ndarray, examples: int
) -> dict[str, np.ndarray]:
    chosen = [FIRST + datetime.timedelta(int(n)) for n in random.choice(days, examples)]
    styles = random.integers(STYLES, size=examples)
    sources = [
        write_date(day, style) for day, style in zip(chosen, styles, strict=True)
    ]
    return {
        'source': np.stack([encode(text, SOURCE_LENGTH) for text in sources]),
        'source_length': np.array([len(text) + 1 for text in sources], np.int32),
        'target': np.stack([encode(str(day), TARGET_LENGTH) for day in chosen]),
        'target_length': np.full(examples, TARGET_LENGTH, np.int32),
    }


def _ordinal(number: int) -> str:
    endings = {1: 'st', 2: 'nd', 3: 'rd'}
    teen = 10 < number % 100 < 14
    return f'{number}{"th" if teen else endings.get(number % 10, "th")}'
