"""Time series made by rule: kind 'synthetic'."""

from collections.abc import Mapping, Sequence

import numpy as np


def mackey_glass(
    length: int,
    *,
    delay: float = 17.0,
    start: float = 1.2,
    discard: int = 1000,
    substeps: int = 10,
) -> np.ndarray:
    r"""Integrate the Mackey-Glass equation and sample it once a unit of time.

    $\dot x(t) = 0.2\, x(t - \tau) / (1 + x(t - \tau)^{10}) - 0.1\, x(t)$ with a
    constant history, by the Runge-Kutta method of order 4. The delayed value that the
    method asks for between two steps is that of the cubic with the values and
    derivatives of both, so that the order stays. For $\tau = 17$ the series is chaotic,
    mildly so.

    Args:
        length: number of samples, 1 or more.
        delay: $\tau$, a positive multiple of 1 / substeps.
        start: the value of the history, above 0.
        discard: first samples that are left out, until the start is forgotten.
        substeps: steps of the integration a sample, 1 or more.

    Returns:
        [length] float64, for a delay of 17 within about 0.4 and 1.35.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Mackey, Glass (1977), Oscillation and Chaos in Physiological Control Systems,
        https://doi.org/10.1126/science.267326

    Example:
        >>> print(mackey_glass(3, discard=0).round(3))
        [1.2   1.118 1.043]
    """
    if length < 1 or discard < 0 or substeps < 1 or not start > 0:
        raise ValueError(
            f'length is {length}, discard {discard}, substeps {substeps}, start '
            f'{start}, wanted length and substeps of 1 or more, discard of 0 or more '
            'and a start above 0'
        )
    lag = round(delay * substeps)
    if lag < 1 or abs(lag - delay * substeps) > 1e-9:
        raise ValueError(
            f'delay is {delay}, wanted a positive multiple of 1/{substeps}: choose '
            'other substeps'
        )
    step = 1 / substeps
    total = (length + discard - 1) * substeps
    # Place n of x is a delay before place lag + n, which holds step n.
    x, middles = [float(start)] * (lag + 1), [float(start)] * lag

    def derivative(now: float, past: float) -> float:
        return 0.2 * past / (1 + past**10) - 0.1 * now

    a = derivative(x[-1], x[0])
    for n in range(total):
        now, between, then = x[-1], middles[n], x[n + 1]
        b = derivative(now + step / 2 * a, between)
        c = derivative(now + step / 2 * b, between)
        d = derivative(now + step * c, then)
        x.append(now + step / 6 * (a + 2 * b + 2 * c + d))
        begin, a = a, derivative(x[-1], then)
        middles.append((now + x[-1]) / 2 + step / 8 * (begin - a))
    return np.array(x[lag::substeps][discard:])


def seasonal(
    seed: int,
    length: int,
    *,
    seasons: Mapping[int, float] | None = None,
    level: float = 10.0,
    trend: float = 1e-3,
    noise: float = 0.5,
    harmonics: int = 3,
) -> np.ndarray:
    r"""Draw a series with a trend, seasons of random shape, and noise.

    $y_t = (\ell + b t)(1 + \sum_s a_s f_s(t)) + \epsilon_t$: each season $f_s$ is a sum
    of a few harmonics of its period with random weights and phases, of variance 1, and
    grows with the level, as sales or demand do.

    Args:
        seed: 0 or more; equal seeds give equal series.
        length: number of values, 1 or more.
        seasons: the strength $a_s$ by period; by default a day and a week of hours,
            {24: 0.2, 168: 0.15}.
        level: $\ell$ at the start.
        trend: $b$, in each step.
        noise: standard deviation of $\epsilon$, 0 or more.
        harmonics: in each season, 1 or more.

    Returns:
        [length] float64.

    Raises:
        ValueError: for a setting out of range.

    Example:
        >>> print(seasonal(0, 1000).shape)
        (1000,)
    """
    seasons = {24: 0.2, 168: 0.15} if seasons is None else seasons
    if length < 1 or harmonics < 1 or not noise >= 0 or min(seasons, default=2) < 2:
        raise ValueError(
            f'length is {length}, harmonics {harmonics}, noise {noise}, seasons '
            f'{dict(seasons)}, wanted sizes of 1 or more, noise of 0 or more and '
            'periods of 2 or more'
        )
    random = np.random.default_rng(seed)
    time = np.arange(length)
    swing = np.zeros(length)
    for period, strength in seasons.items():
        swing += strength * _shape(random, time / period, harmonics)
    return (level + trend * time) * (1 + swing) + noise * random.normal(size=length)


def _shape(
    random: np.random.Generator, turns: np.ndarray, harmonics: int
) -> np.ndarray:
    order = np.arange(1, harmonics + 1)
    weights = random.normal(size=harmonics) / order
    phases = random.uniform(0, 1, harmonics)
    waves = np.sin(2 * np.pi * (turns[:, None] * order + phases))
    # A wave of weight w has the variance w² / 2 over its period.
    return waves @ weights / np.sqrt(np.square(weights).sum() / 2)


def by_time(
    series: np.ndarray,
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    *,
    least: int = 1,
) -> dict[str, np.ndarray]:
    """Part a series into training, validation and test, in the order of time.

    Windows that are cut from one part hold no value of another, neither in what they
    are given nor in what they are to predict.

    Args:
        series: [time] or [time, channel].
        fractions: of the three parts, above 0; they are scaled to a sum of 1.
        least: values that each part has to have, such as those of one window.

    Returns:
        'train', 'validation' and 'test', views of the series.

    Raises:
        ValueError: if a fraction is not positive or the series is too short.

    Example:
        >>> {name: len(part) for name, part in by_time(np.arange(100.)).items()}
        {'train': 70, 'validation': 15, 'test': 15}
    """
    if len(fractions) != 3 or not min(fractions) > 0:
        raise ValueError(
            f'fractions are {tuple(fractions)}, wanted three numbers above 0'
        )
    ends = np.round(np.cumsum(fractions) / sum(fractions) * len(series)).astype(int)
    parts: dict[str, np.ndarray] = dict(
        zip(('train', 'validation', 'test'), np.split(series, ends[:2]), strict=True)
    )
    sizes = {name: len(part) for name, part in parts.items()}
    if min(sizes.values()) < least:
        raise ValueError(
            f'the series has {len(series)} values, which makes parts of {sizes}, '
            f'wanted {least} or more in each: give a longer series, or shorter windows'
        )
    return parts
