"""Metrics of several updates, and of several members, in one row."""

from collections.abc import Mapping

import numpy as np

from dljax.training.player import Player


def summary(metrics: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Average the metrics of successive updates.

    Args:
        metrics: [updates, ...] arrays. NaN marks a turn that a player sat out; such
            updates do not count. The 'finite' flags are left out.

    Returns:
        Each metric's mean over the updates: [...]; NaN where no update counts.
    """
    means = {}
    for name, values in metrics.items():
        if not name.endswith('/finite'):
            values = np.asarray(values, np.float64)
            here = ~np.isnan(values)
            total = np.where(here, values, 0.0).sum(0)
            count = here.sum(0)
            means[name] = np.where(count, total / np.maximum(count, 1), np.nan)
    return means


def sat_out(players: Mapping[str, Player], first: int, last: int) -> tuple[str, ...]:
    """Name the players that do not move once from one update to another.

    Args:
        players: by name.
        first: update, counted from 0.
        last: the one after the last of them.

    Returns:
        What the names of their metrics begin with, such as 'critic/'.
    """
    updates = np.arange(first, last)
    return tuple(
        f'{name}/'
        for name, player in players.items()
        if not np.any(player.moves(updates))
    )


def spread(values: Mapping[str, np.ndarray | float]) -> dict[str, float]:
    """Turn metrics of the members of an ensemble into means and standard deviations.

    Args:
        values: scalars, or [members] arrays.

    Returns:
        Scalars as they are; of an array the mean under its name and the sample
        standard deviation under 'name/std'.
    """
    row = {}
    for name, value in values.items():
        value = np.asarray(value, np.float64)
        row[name] = float(value.mean())
        if value.ndim:
            value = value if np.isfinite(value).all() else np.full_like(value, np.nan)
            row[f'{name}/std'] = float(value.std(ddof=1)) if value.size > 1 else 0.0
    return row
