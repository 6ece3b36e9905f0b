"""The order of rows by their dates: what is twice, and where something is missing."""

import datetime
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypeGuard

import numpy as np

from dljax.data.timestamps import Moment, instant

GAPS = ('refuse', 'keep', 'fill')
_DAY = datetime.timedelta(days=1)
_START = datetime.datetime(1970, 1, 1)


class Order(NamedTuple):
    """How rows lie in time.

    Attributes:
        index: [rows] of the rows, the oldest first.
        place: [rows] of these, in steps from the first.
    """

    index: np.ndarray
    place: np.ndarray


def in_order(
    times: Sequence[Moment], lines: Sequence[int], column: str, gaps: str = 'refuse'
) -> Order:
    """Sort rows by time and check that one follows the other at equal steps.

    A step is a fixed time, or a number of months on one day of the month or on the
    last, or a day from Monday to Friday; whichever makes the fewest gaps. The usual
    step is the most frequent one. With an offset from UTC the moments count, or the
    local days where these are equal.

    Args:
        times: of the rows, as `moments` gives them.
        lines: of the rows in the file, for the messages.
        column: of the dates, for the messages.
        gaps: 'refuse' to refuse them, 'keep' to take the rows one after the other all
            the same, 'fill' for places between them.

    Returns:
        The order; with 'keep' the place is the number of the row.

    Raises:
        ValueError: for a time that is there twice, or unequal steps.
    """
    if gaps not in GAPS:
        raise ValueError(f'gaps is {gaps!r}, wanted one of {", ".join(GAPS)}')
    instants = np.array([instant(time) for time in times])
    index = np.argsort(instants, kind='stable')
    steps = np.diff(instants[index])
    where = np.flatnonzero(steps == 0)
    if len(where):
        a, b = (int(index[where[0] + i]) for i in (0, 1))
        more = f', and {len(where) - 1} more rows repeat a date' * (len(where) > 1)
        raise ValueError(
            f"'{column}' is {_said(times[a])} in row {lines[a]} and in row {lines[b]}"
            f'{more}, wanted each once: leave one out or join them; where clocks are '
            'put back in autumn write the times in UTC or with their offset'
        )
    if len(times) < 3 or gaps == 'keep':
        return Order(index, np.arange(len(index)))
    grids = _grids([times[i] for i in index], instants[index])
    steps, usual = min(grids, key=lambda grid: int((grid[0] != grid[1]).sum()))
    odd = np.flatnonzero(~np.isclose(steps, usual, rtol=1e-6, atol=0))
    if not len(odd):
        return Order(index, np.arange(len(index)))
    found = '; '.join(
        f'from {_said(times[a])} (row {lines[a]}) to {_said(times[b])} (row {lines[b]})'
        for a, b in ((int(index[i]), int(index[i + 1])) for i in odd[:5])
    )
    more = f' and {len(odd) - 5} more' if len(odd) > 5 else ''
    many = f'{len(odd)} steps' if len(odd) > 1 else '1 step'
    what = f"'{column}' has {many} of another length than the usual: {found}"
    whole = np.round(steps / usual)
    if gaps == 'refuse' or not np.allclose(steps / usual, whole, atol=1e-6):
        fill = "gaps='fill' to draw lines across them, " * (gaps == 'refuse')
        raise ValueError(
            f"{what}{more}. Add the rows that are missing, or say {fill}gaps='keep' to "
            'take the rows one after the other; where clocks are put forward in spring '
            'write the times in UTC or with their offset'
        )
    place = np.concatenate([[0], np.cumsum(whole)]).astype(np.int64)
    made = int(place[-1]) + 1 - len(index)
    if made > len(index):
        raise ValueError(
            f'{what}{more}. To fill them would take {made:,} values beside '
            f"{len(index):,} rows, wanted as many at most: add rows, or say gaps='keep'"
        )
    return Order(index, place)


def _grids(
    times: Sequence[Moment], instants: np.ndarray
) -> list[tuple[np.ndarray, float]]:
    """Measure the steps in all units that may be meant, each with the usual one."""
    found = [np.diff(instants)]
    walls = [time.replace(tzinfo=None) for time in times if _is_date(time)]
    if walls and len({wall.time() for wall in walls}) == 1:
        days = np.array([(wall - _START).days for wall in walls])
        found.append(np.diff(days))
        if len({w.day for w in walls}) == 1 or all(_last(wall) for wall in walls):
            found.append(np.diff([12 * wall.year + wall.month for wall in walls]))
        if all(wall.weekday() < 5 for wall in walls):
            # The first of January 1970 was a Thursday.
            workdays = (days + 3) // 7 * 5 + (days + 3) % 7
            found.append(np.diff(workdays))
    return [(steps, _usual(steps)) for steps in found if (steps > 0).all()]


def _usual(steps: np.ndarray) -> float:
    counts = Counter(steps.tolist())
    return min(counts, key=lambda step: (-counts[step], step))


def _is_date(time: Moment) -> TypeGuard[datetime.datetime]:
    return isinstance(time, datetime.datetime)


def _last(wall: datetime.datetime) -> bool:
    try:
        return (wall + _DAY).month != wall.month
    except OverflowError:
        return True


def _said(time: Moment) -> str:
    if not isinstance(time, datetime.datetime):
        return f'{time:g}'
    return time.isoformat(' ').removesuffix(' 00:00:00')
