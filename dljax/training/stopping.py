"""Rules that end a run early: functions of its records so far.

A rule sees every row of averaged metrics since the start and answers with the reason to
stop, or None. It keeps nothing, so a resumed run decides as an uninterrupted one.
"""

import math
from collections.abc import Callable, Mapping, Sequence

Rows = Sequence[Mapping[str, float]]
Stop = Callable[[Rows], str | None]


def settled(metric: str, tolerance: float) -> Stop:
    """Stop when a cost changes by less than a tolerance from one row to the next.

    Example:
        >>> settled('player/loss', .01)([{'player/loss': .5}, {'player/loss': .499}])
        'player/loss changed by less than 0.01'

    Args:
        metric: the cost's name, such as 'classifier/loss'.
        tolerance: the smallest absolute change that is worth going on for.

    Returns:
        The rule.
    """
    if tolerance <= 0:
        raise ValueError(f'tolerance={tolerance}, wanted a positive number')

    def stop(rows: Rows) -> str | None:
        values = _series(rows, metric)
        if len(values) > 1 and abs(values[-1] - values[-2]) < tolerance:
            return f'{metric} changed by less than {tolerance:g}'
        return None

    return stop


def reached(metric: str, limit: float, *, higher: bool = False) -> Stop:
    """Stop when a metric is as good as a limit.

    Example:
        >>> reached('player/loss', .1)([{'player/loss': .05}])
        'player/loss = 0.05 reached 0.1'

    Args:
        metric: its name, such as 'classifier/loss' or 'validation/accuracy'.
        limit: the value to reach.
        higher: whether larger is better.

    Returns:
        The rule.
    """

    def stop(rows: Rows) -> str | None:
        values = _series(rows, metric)
        if values and (values[-1] >= limit if higher else values[-1] <= limit):
            return f'{metric} = {values[-1]:g} reached {limit:g}'
        return None

    return stop


def stalled(
    metric: str, patience: int, *, higher: bool = False, margin: float = 0.0
) -> Stop:
    """Stop when a metric has not improved for so many of its measurements.

    Example:
        >>> stalled('test/loss', 2)([{'test/loss': value} for value in (1., 2., 3.)])
        'test/loss has not improved for 2 measurements'

    Args:
        metric: its name, such as 'validation/accuracy'.
        patience: measurements without improvement that are let pass.
        higher: whether larger is better.
        margin: an improvement is more than this much.

    Returns:
        The rule.
    """
    if patience < 1:
        raise ValueError(f'patience={patience}, wanted 1 or more')

    def stop(rows: Rows) -> str | None:
        values = _series(rows, metric)
        best, age = None, 0
        for value in values if higher else [-v for v in values]:
            if best is None or value > best + margin:
                best, age = value, 0
            else:
                age += 1
        if age >= patience:
            return f'{metric} has not improved for {age} measurements'
        return None

    return stop


def _series(rows: Rows, metric: str) -> list[float]:
    """Collect a metric: the first rows may lack it, and NaN marks a turn sat out."""
    here = [row[metric] for row in rows if metric in row]
    if not here and len(rows) > 1:
        known = sorted({name for row in rows for name in row})
        group = metric.split('/')[0]
        # A group that is not there at all may be an evaluation that is yet to come.
        if any(name.split('/')[0] == group for name in known):
            raise ValueError(f"no metric is called '{metric}'; there are {known}")
    return [value for value in here if not math.isnan(value)]
