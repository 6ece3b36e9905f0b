"""Training, validation and test: of a series by its rows, of others by lot."""

import datetime
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from dljax.data.timestamps import Moment

SPLITS = ('train', 'validation', 'test')


def by_rows(
    series: np.ndarray, rows: Sequence[int], *, history: int = 0
) -> dict[str, np.ndarray]:
    """Part a series into training, validation and test by their numbers of rows.

    What follows the last part is left out. Validation and test may begin some values
    earlier, which are given and never predicted, so that the first window predicts the
    first value of its part, as forecasts are compared in publications.

    Args:
        series: [time] or [time, channel].
        rows: of the three parts, 1 or more each.
        history: values before a part that it is given besides, 0 or more: those of one
            window.

    Returns:
        'train', 'validation' and 'test', views of the series.

    Raises:
        ValueError: for rows that the series does not have, or a history longer than the
            training part.

    Reference:
        Zhou et al. (2021), Informer: Beyond Efficient Transformer for Long Sequence
        Time-Series Forecasting, https://arxiv.org/abs/2012.07436; its protocol is
        `by_rows(hours, [12 * 720, 4 * 720, 4 * 720], history=96)`.

    Example:
        >>> parts = by_rows(np.arange(10), [5, 2, 2], history=2)
        >>> {name: part.tolist() for name, part in parts.items()}
        {'train': [0, 1, 2, 3, 4], 'validation': [3, 4, 5, 6], 'test': [5, 6, 7, 8]}
    """
    if len(rows) != 3 or min(rows) < 1 or not 0 <= history <= rows[0]:
        raise ValueError(
            f'rows are {tuple(rows)} and history {history}, wanted three numbers of 1 '
            'or more, and a history of 0 to the first of them'
        )
    if sum(rows) > len(series):
        raise ValueError(
            f'rows are {tuple(rows)}, {sum(rows):,} together, and the series has '
            f'{len(series):,}, wanted as many at most'
        )
    ends = np.cumsum([0, *rows])
    return {
        name: series[max(0, start - history) if start else 0 : end]
        for name, (start, end) in zip(SPLITS, pairwise(ends), strict=True)
    }


def hold_out(
    examples: int,
    splits: Sequence[str] = ('test', 'validation'),
    *,
    folds: int = 10,
    fold: int = 0,
    name: str = 'the set',
) -> dict[str, np.ndarray]:
    """Deal examples out into folds, one for each split that there is not.

    The tests of all folds hold every example once, as in cross-validation. How they are
    dealt out follows from their number alone.

    Args:
        examples: their number.
        splits: that are to be made, beside 'train'.
        folds: parts of equal size, give or take one, more than there are splits.
        fold: of the first split, in [0, folds); the next ones have those after it.
        name: of what is dealt out, for the message.

    Returns:
        'train' and the splits: indices, ascending, none of them in two.

    Raises:
        ValueError: for fewer examples than folds, or numbers out of range.

    Example:
        >>> {name: rows.tolist() for name, rows in hold_out(6, folds=3).items()}
        {'test': [2, 3], 'validation': [4, 5], 'train': [0, 1]}
    """
    if not len(splits) < folds or not 0 <= fold < folds:
        raise ValueError(
            f'folds is {folds} and fold {fold}, wanted more than the {len(splits)} '
            f'splits that are held out, and one in [0, {folds})'
        )
    if examples < folds:
        raise ValueError(
            f'{name} has {examples} examples to learn from, wanted {folds} or more, of '
            f'which one in {folds} is held out for the {" and the ".join(splits)}'
        )
    order = np.random.default_rng(0).permutation(examples)
    parts = np.array_split(order, folds)
    parts = parts[fold:] + parts[:fold]
    held = {name: np.sort(part) for name, part in zip(splits, parts, strict=False)}
    return {**held, 'train': np.sort(np.concatenate(parts[len(splits) :]))}


def rows_of_months(times: Sequence[Moment], months: Sequence[int]) -> list[int]:
    """Count the rows of so many calendar months after each other, for `by_rows`.

    The first month is that of the first row, whole or not.

    Args:
        times: of the rows, the oldest first, as `read_columns` gives them.
        months: of the parts, 1 or more each.

    Returns:
        Rows of each part.

    Raises:
        ValueError: for times that are no dates or go back, or a part without a row.

    Example:
        >>> days = [datetime.datetime(2023, 12, 1) + datetime.timedelta(n)
        ...         for n in range(100)]
        >>> rows_of_months(days, [1, 1, 1])
        [31, 31, 29]
    """
    if not len(months) or min(months) < 1:
        raise ValueError(f'months are {tuple(months)}, wanted 1 or more of each part')
    if not times or not all(isinstance(time, datetime.datetime) for time in times):
        raise ValueError(
            'the rows have no dates, wanted one for each: name their column by date'
        )
    number = np.array(
        [12 * t.year + t.month for t in times if isinstance(t, datetime.datetime)]
    )
    if (np.diff(number) < 0).any():
        raise ValueError('the dates go back, wanted the oldest first')
    ends = number[0] + np.cumsum([0, *months])
    places = np.searchsorted(number, ends)
    rows = np.diff(places).tolist()
    if number[-1] + 1 < ends[-1] or min(rows) < 1:
        raise ValueError(
            f'months are {tuple(months)}, {sum(months)} together, and the rows reach '
            f'over {number[-1] + 1 - number[0]} (from {times[0]:%Y-%m} to '
            f'{times[-1]:%Y-%m}), wanted as many at most, and rows in each part'
        )
    return rows
