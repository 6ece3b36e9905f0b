"""A series of several related columns made by rule: kind 'synthetic'."""

import numpy as np

from dljax.data.series import seasonal


def seasonal_columns(
    seed: int,
    length: int,
    columns: int = 4,
    *,
    lag: int = 6,
    memory: float = 0.99,
    noise: float = 0.5,
) -> np.ndarray:
    r"""Draw columns that share seasons and a slow level, each later than the last.

    $y_{tc} = g_c\,(s_{t-cd} + l_{t-cd}) + o_c + \epsilon_{tc}$ with the seasons $s$ of
    `seasonal`, a level $l_t = m\, l_{t-1} + \eta_t$ of a standard deviation of 1, and a
    gain, an offset and noise of each column. So what a column does, the next one does
    $d$ steps later.

    Args:
        seed: 0 or more; equal seeds give equal series.
        length: number of steps, 1 or more.
        columns: their number, 1 or more.
        lag: $d$, steps from a column to the next, 0 or more.
        memory: $m$, in [0, 1).
        noise: standard deviation of $\epsilon$, 0 or more.

    Returns:
        [length, columns] float64.

    Raises:
        ValueError: for a setting out of range.

    Example:
        >>> print(seasonal_columns(0, 1000).shape)
        (1000, 4)
    """
    sizes = length >= 1 and columns >= 1 and lag >= 0
    if not sizes or not 0 <= memory < 1 or not noise >= 0:
        raise ValueError(
            f'length is {length}, columns {columns}, lag {lag}, memory {memory} and '
            f'noise {noise}, wanted sizes of 1 or more, a lag and noise of 0 or more '
            'and a memory in [0, 1)'
        )
    total = length + lag * (columns - 1)
    random = np.random.default_rng((seed, 1))
    shared = seasonal(seed, total, trend=0.0, noise=0.0) - 10.0
    shocks = random.normal(size=total) * np.sqrt(1 - memory**2)
    level = random.normal()
    for step, shock in enumerate(shocks):
        level = memory * level + shock
        shared[step] += level
    gains = random.uniform(0.5, 2.0, columns)
    offsets = 10 * random.normal(size=columns)
    starts = lag * np.arange(columns)[::-1]
    moved = np.stack([shared[start : start + length] for start in starts], axis=1)
    return gains * moved + offsets + noise * random.normal(size=(length, columns))
