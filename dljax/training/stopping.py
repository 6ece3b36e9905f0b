"""Rules that end a run early: functions of its records so far.

A rule sees every row of averaged metrics since the start and answers with the reason to
stop, or None. It keeps nothing, so a resumed run decides as an uninterrupted one. A
measurement that is not finite, NaN in its row, is no improvement.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

Rows = Sequence[Mapping[str, float]]
Stop = Callable[[Rows], str | None]


def settled(metric: str, tolerance: float) -> Stop:
    """Stop when a cost changes by less than a tolerance from one row to the next.

    Args:
        metric: the cost's name, such as 'classifier/loss'.
        tolerance: the smallest absolute change that is worth going on for.

    Returns:
        The rule.

    Example:
        >>> settled('player/loss', .01)([{'player/loss': .5}, {'player/loss': .499}])
        'player/loss changed by less than 0.01'
    """
    if tolerance <= 0:
        raise ValueError(f'tolerance={tolerance}, wanted a positive number')

    def stop(rows: Rows) -> str | None:
        values = _series(rows, metric)
        if len(values) > 1 and abs(values[-1] - values[-2]) < tolerance:
            return f'{metric} changed by less than {tolerance:g}'
        return None

    return _of(metric, stop)


def reached(metric: str, limit: float, *, maximize: bool = False) -> Stop:
    """Stop when a metric is as good as a limit.

    Args:
        metric: its name, such as 'classifier/loss' or 'validation/accuracy'.
        limit: the value to reach.
        maximize: whether larger is better.

    Returns:
        The rule.

    Example:
        >>> reached('player/loss', .1)([{'player/loss': .05}])
        'player/loss = 0.05 reached 0.1'
    """

    def stop(rows: Rows) -> str | None:
        values = _series(rows, metric)
        if values and (values[-1] >= limit if maximize else values[-1] <= limit):
            return f'{metric} = {values[-1]:g} reached {limit:g}'
        return None

    return _of(metric, stop)


def stalled(
    metric: str, patience: int, *, maximize: bool = False, margin: float = 0.0
) -> Stop:
    """Stop when a metric has not improved for so many of its measurements.

    Args:
        metric: its name, such as 'validation/accuracy'.
        patience: measurements without improvement that are let pass.
        maximize: whether larger is better.
        margin: an improvement is more than this much.

    Returns:
        The rule.

    Example:
        >>> stalled('test/loss', 2)([{'test/loss': value} for value in (1., 2., 3.)])
        'test/loss has not improved for 2 measurements'
    """
    if patience < 1:
        raise ValueError(f'patience={patience}, wanted 1 or more')

    def stop(rows: Rows) -> str | None:
        values = _series(rows, metric)
        best, age = -math.inf, 0
        for value in values if maximize else [-v for v in values]:
            if value > best + margin:
                best, age = value, 0
            else:
                age += 1
        if age >= patience:
            return f'{metric} has not improved for {age} measurements'
        return None

    return _of(metric, stop)


def require_metric(
    stop: Stop | None, known: Iterable[str], begun: tuple[str, ...] = ()
) -> None:
    """Refuse a rule of a metric that there will never be, by which nothing would stop.

    Args:
        stop: one of the rules here; of another one nothing is known.
        known: the metrics that there are.
        begun: what the names of others may begin with.

    Raises:
        ValueError: for such a rule.
    """
    metric, known = getattr(stop, 'metric', None), sorted(known)
    if metric is None or metric.startswith(begun):
        return
    if metric.removesuffix('/std') not in known:
        raise ValueError(
            f"the rule to stop is of '{metric}', which is never measured along the "
            f'training, wanted one of {known}'
        )


def _of(metric: str, stop: Stop) -> Stop:
    """Let a rule say of which metric it is."""
    stop.metric = metric
    return stop


def _series(rows: Rows, metric: str) -> list[float]:
    """Collect a metric, which the first rows may lack; NaN is one that is no number."""
    here = [row[metric] for row in rows if metric in row]
    if not here and len(rows) > 1:
        known = sorted({name for row in rows for name in row})
        group = metric.split('/')[0]
        # A group that is not there at all may be an evaluation that is yet to come.
        if any(name.split('/')[0] == group for name in known):
            raise ValueError(f"no metric is called '{metric}'; there are {known}")
    return here
