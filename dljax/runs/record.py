"""Records of a run: metrics.jsonl and TensorBoard events, made anew from any step."""

import functools
import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dljax.runs import rows
from dljax.runs.events import Events
from dljax.runs.rows import read_rows as read_rows
from dljax.training.summary import spread


class Records:
    """Rows of a run's metrics, on disk as JSON lines and as TensorBoard events.

    Attributes:
        rows: those so far; a metric that was not finite is NaN.
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
        """Add a picture to the TensorBoard events.

        Args:
            name: of the picture.
            pixels: [height, width, 3] uint8.
            step: updates made so far.
        """
        self.events.image(name, pixels, step)

    def text(self, name: str, words: str, step: int) -> None:
        """Add a text to the TensorBoard events, as it is laid out."""
        self.events.text(name, '    ' + words.replace('\n', '\n    '), step)

    def close(self) -> None:
        """Flush the events to disk."""
        if 'events' in self.__dict__:
            self.events.close()
