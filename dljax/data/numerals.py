"""Numbers as tables write them; Python reads more than a table means."""

import math
import re
from collections.abc import Sequence

_NUMBER = re.compile(r'[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?', re.ASCII)
_THOUSANDS = re.compile(r'[+-]?[1-9]\d{0,2}(\.\d{3})+', re.ASCII)


def is_number(text: str) -> bool:
    """Tell whether a text is a number of ASCII digits, with '.' for the decimals."""
    return bool(_NUMBER.fullmatch(text))


def number(text: str, column: str, row: int, decimal: str | None) -> float:
    """Read a number as tables write it: digits, one sign of the decimals, an exponent.

    Args:
        text: of the field.
        column: its name, for the message.
        row: its line, for the message.
        decimal: '.', ',' or `None`, which is '.'.

    Returns:
        The number, finite.

    Raises:
        ValueError: for whatever else Python takes for a number, such as '1_0', and for
            what float64 cannot hold.

    Example:
        >>> number('-3,5e2', 'sold', 2, ',')
        -350.0
    """
    if not text:
        raise ValueError(
            f"'{column}' is empty in row {row}, wanted a number: fill the gap, or "
            'leave the row out'
        )
    plain = text
    if decimal == ',':
        plain = 'x' if '.' in text else text.replace(',', '.')
    if text.casefold().lstrip('+-') in ('nan', 'inf', 'infinity', 'na', 'n/a', 'null'):
        raise ValueError(
            f"'{column}' is {text!r} in row {row}, wanted a finite number: fill the "
            'gap, or leave the row out'
        )
    if not is_number(plain):
        good = '1234,5' if decimal == ',' else '1234.5'
        hint = 'no unit, and no comma or blank in it'
        if decimal != ',' and _THOUSANDS.fullmatch(text.replace(',', '.')):
            hint += ': take it out where it parts thousands; where it is the sign of '
            hint += "the decimals say decimal=','"
        elif decimal != ',' and is_number(text.replace(',', '.')):
            hint += "; where the comma is the sign of the decimals say decimal=','"
        raise ValueError(
            f"'{column}' is {text[:40]!r} in row {row}, wanted a number such as "
            f'{good}: {hint}'
        )
    value = float(plain)
    vanished = value == 0 and re.search('[1-9]', re.split('[eE]', plain)[0])
    if vanished or not math.isfinite(value):
        raise ValueError(
            f"'{column}' is {text[:40]!r} in row {row}, wanted a finite number of at "
            'most 1.8e308 and, but for 0, at least 5e-324: choose another unit'
        )
    return value


def require_no_thousands(
    texts: Sequence[str], column: str, delimiter: str | None
) -> None:
    """Refuse points that may part thousands, where nobody said what they are.

    It is so in files as they are written where the comma is the decimal sign, so that a
    semicolon parts the fields: if each point stands before three digits. In others
    there must be whole numbers below a thousand besides.

    Args:
        texts: of the column.
        column: its name.
        delimiter: between the fields; `None` where there is one column.

    Raises:
        ValueError: if it is not clear.
    """
    pointed = [text for text in texts if '.' in text]
    if delimiter == ',':
        return
    mixed = len(texts) > len(pointed) > 1 and all(
        len(text.lstrip('+-')) < 4 for text in texts if '.' not in text
    )
    if not pointed or not (mixed or delimiter == ';'):
        return
    if all(_THOUSANDS.fullmatch(text) for text in pointed):
        raise ValueError(
            f"'{column}' holds numbers such as {pointed[0]!r}, whose point may be that "
            "of the decimals or part thousands: say decimal='.', or write them without "
            "it and say decimal=','"
        )
