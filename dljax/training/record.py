"""Records of a run: metrics.jsonl and TensorBoard events, made anew from any step."""

import functools
import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dljax.training import rows
from dljax.training.events import Events
from dljax.training.player import Player
from dljax.training.rows import read_rows as read_rows


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
    """Turn metrics of the members of an ensemble into means and deviations.

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


class Records:
    """Rows of a run's metrics, on disk as JSON lines and as TensorBoard events.

    Attributes:
        rows: those so far; a figure that was not finite is NaN.
        bad: lines of metrics.jsonl that are not as they were written, by number.
        missing: rows that were written and are gone; a kill may cut off the last one.
    """

    def __init__(self, workdir: Path, *, step: int = 0) -> None:
        """Read the records; nothing is written before there is something to add.

        Then what lies beyond the step where the run goes on is dropped, and what is
        damaged is set aside.

        Args:
            workdir: the folder of the run; 'metrics.jsonl' and 'events/' lie in it.
            step: the step that training starts from.
        """
        self.workdir, self.path, self.step = workdir, workdir / 'metrics.jsonl', step
        found = rows.read(self.path)
        pairs = zip(found.rows, found.lines, strict=True)
        kept = [(row, line) for row, line in pairs if row['step'] <= step]
        self.rows: list[rows.Row] = [row for row, _ in kept]
        self.bad, self.missing = found.bad, found.missing
        self._lines = [line for _, line in kept]
        self.elapsed = self.rows[-1]['seconds'] if self.rows else 0.0
        self.started = time.monotonic()

    @functools.cached_property
    def events(self) -> Events:
        """The writer of TensorBoard's events."""
        return Events(self.workdir / 'events', step=self.step)

    def write(self, step: int, values: Mapping[str, np.ndarray | float]) -> rows.Row:
        """Append a row.

        Args:
            step: updates made so far.
            values: scalars, or [members] arrays; see `spread`. What is not finite
                becomes NaN, and null on disk.

        Returns:
            The row, with 'step' and 'seconds' of training.
        """
        numbers = {
            name: value if math.isfinite(value) else math.nan
            for name, value in spread(values).items()
        }
        seconds = self.elapsed + time.monotonic() - self.started
        row = {'step': step, 'seconds': round(seconds, 3), **numbers}
        if self._lines is not None:
            rows.keep(self.path, self._lines, self.bad)
            self._lines = None
        rows.append(self.path, row)
        for name, value in numbers.items():
            self.events.scalar(name, value, step)
        self.rows.append(row)
        return row

    def image(self, name: str, pixels: np.ndarray, step: int) -> None:
        """Add a picture to the TensorBoard events: [height, width, 3] uint8."""
        self.events.image(name, pixels, step)

    def text(self, name: str, words: str, step: int) -> None:
        """Add a text to the TensorBoard events, as it is laid out."""
        self.events.text(name, '    ' + words.replace('\n', '\n    '), step)

    def close(self) -> None:
        """Flush the events to disk."""
        if 'events' in self.__dict__:
            self.events.close()
