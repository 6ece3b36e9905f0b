"""How good forecasts and their intervals are."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

from dljax.metrics.differences import Numbers, difference, on_host
from dljax.types import Array


def naive_scale(series: Numbers, season: int = 1) -> Array:
    """Mean absolute error of the seasonal naive forecast within a series.

    An absolute error in this unit is the scaled error, whose mean is MASE: below 1, a
    forecast is better than to repeat the training series' value of a season ago.

    Args:
        series: [time] of the training part.
        season: steps in a season; 1 for the last value.

    Returns:
        Scalar float32, at least 0.

    Raises:
        ValueError: for a season outside [1, time).

    Reference:
        Hyndman, Koehler (2006), Another Look at Measures of Forecast Accuracy,
        https://doi.org/10.1016/j.ijforecast.2006.03.001

    Example:
        >>> import jax.numpy as jnp
        >>> print(naive_scale(jnp.array([1., 3., 2., 5.])))
        2.0
    """
    series = series if isinstance(series, jax.Array) else np.asarray(series)
    if series.ndim != 1 or not 1 <= season < len(series):
        raise ValueError(
            f'the series has shape {series.shape} and the season {season} steps, '
            'wanted [time] of more than one season'
        )
    gaps = abs(difference(series[season:], series[:-season]))
    return jnp.asarray(gaps.mean(), jnp.float32)


def predictive_interval(
    forecasts: Numbers, residuals: Numbers, level: float = 0.95
) -> tuple[Numbers, Numbers]:
    """Interval of an ensemble, from its spread and from what it missed elsewhere.

    μ ± z √(s² + r²) with the mean μ of the members, their variance s² about it (what
    they do not agree on, which differs from window to window) and the mean square r² of
    the residuals that their mean left in a set that was not trained on (noise, and what
    all of them miss; the same for every window). Both may differ from step to step; z
    is that of the normal distribution. A single member has no spread.

    Args:
        forecasts: [members, windows, horizon].
        residuals: [other windows, horizon], target less mean forecast.
        level: the fraction of targets that it should hold, in (0, 1).

    Returns:
        The lower and the upper end, [windows, horizon]: float64 of NumPy for NumPy's,
        else float32.

    Raises:
        ValueError: for a level out of range or shapes that do not belong together.

    Reference:
        Lakshminarayanan et al. (2017), Simple and Scalable Predictive Uncertainty
        Estimation using Deep Ensembles, https://arxiv.org/abs/1612.01474; spread and
        noise.

    Example:
        >>> import jax.numpy as jnp
        >>> forecasts = jnp.array([[[1.]], [[3.]]])
        >>> low, high = predictive_interval(forecasts, jnp.array([[2.], [-2.]]))
        >>> print(low.round(3), high.round(3))
        [[-2.801]] [[6.801]]
    """
    if not 0 < level < 1:
        raise ValueError(
            f'level is {level}, wanted a fraction in (0, 1), such as 0.95 for 95 %'
        )
    numbers, kind = (
        (np, np.float64) if on_host(forecasts, residuals) else (jnp, jnp.float32)
    )
    forecasts = numbers.asarray(forecasts, kind)
    residuals = numbers.asarray(residuals, kind)
    if forecasts.ndim != 3 or residuals.shape[1:] != forecasts.shape[2:]:
        raise ValueError(
            f'forecasts and residuals have shapes {forecasts.shape} and '
            f'{residuals.shape}, wanted [members, windows, horizon] and [windows, '
            'horizon]'
        )
    # From the first member on: the mean of large numbers is rounded by their spread.
    apart = forecasts - forecasts[:1]
    middle = forecasts[0] + apart.mean(axis=0)
    spread = apart.var(axis=0, ddof=min(len(forecasts) - 1, 1))
    noise = numbers.square(residuals).mean(axis=0)
    half = float(norm.ppf((1 + level) / 2)) * numbers.sqrt(spread + noise[None, :])
    return middle - half, middle + half


def coverage(low: Numbers, high: Numbers, targets: Numbers) -> Array:
    """Fraction of the targets that their interval holds.

    Args:
        low: [examples, ...].
        high: of the shape of `low`.
        targets: of the shape of `low`.

    Returns:
        Scalar float32 in [0, 1].

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> print(coverage(jnp.zeros(4), jnp.ones(4), jnp.array([.5, 1., 2., -1.])))
        0.5
    """
    if not jnp.shape(low) == jnp.shape(high) == jnp.shape(targets):
        raise ValueError(
            f'low, high and targets have shapes {jnp.shape(low)}, {jnp.shape(high)} '
            f'and {jnp.shape(targets)}, wanted equal shapes'
        )
    if on_host(low, high, targets):
        low, high, targets = (np.asarray(v) for v in (low, high, targets))
    held = (low <= targets) & (targets <= high)
    return jnp.asarray(held).mean(dtype=jnp.float32)
