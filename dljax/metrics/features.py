"""Features of samples, as the measures of whole sets take them."""

import numpy as np

from dljax.types import Array

Features = Array | np.ndarray


def check_features(name: str, values: Features, least: int) -> np.ndarray:
    """Turn features into float64 on the host.

    Args:
        name: of them, for the message.
        values: [examples, features].
        least: examples that there must be.

    Returns:
        The same, as float64.

    Raises:
        ValueError: for another shape, fewer examples, or numbers that are not finite.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or len(values) < least or not values.shape[1]:
        raise ValueError(
            f'{name} have shape {values.shape}, wanted [examples, features] of {least} '
            'or more examples: flatten the rest'
        )
    if not np.isfinite(values).all():
        raise ValueError(f'{name} are not all finite, wanted finite numbers')
    return values


def check_pair(real: Features, made: Features) -> tuple[np.ndarray, np.ndarray]:
    """Turn the features of two sets into float64, and refuse those that cannot be.

    Args:
        real: [examples, features], two examples or more.
        made: [other examples, features], two examples or more.

    Returns:
        The same, as float64.

    Raises:
        ValueError: as `check_features`, or where one has more features.
    """
    real = check_features('the real features', real, 2)
    made = check_features('the made features', made, 2)
    if real.shape[1] != made.shape[1]:
        raise ValueError(
            f'the features have shapes {real.shape} and {made.shape}, wanted equally '
            'many of an example: take both from one network'
        )
    return real, made
