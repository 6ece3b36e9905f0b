"""Records of a run: metrics.jsonl and TensorBoard events, made anew from any step."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np


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
    """Rows of a run's metrics, on disk as JSON lines and as TensorBoard events."""

    def __init__(self, workdir: Path, *, step: int = 0) -> None:
        """Open the records, and drop what lies beyond the step where the run goes on.

        Args:
            workdir: the folder of the run; 'metrics.jsonl' and 'events/' lie in it.
            step: the step that training starts from.
        """
        from tensorboardX import SummaryWriter

        self.path = workdir / 'metrics.jsonl'
        kept = [row for row in read_rows(self.path) if row['step'] <= step]
        self.rows: list[dict[str, float]] = kept
        temporary = self.path.with_suffix('.tmp')
        temporary.write_text(''.join(json.dumps(row) + '\n' for row in kept))
        temporary.replace(self.path)  # a kill in between leaves the old file whole
        self.elapsed = kept[-1]['seconds'] if kept else 0.0
        self.started = time.monotonic()
        self.events = SummaryWriter(
            str(workdir / 'events'),
            purge_step=step + 1 if step else None,
            filename_suffix=f'.{step}',  # the name's clock counts whole seconds
        )

    def write(self, step: int, values: Mapping[str, np.ndarray | float]) -> dict:
        """Append a row.

        Args:
            step: updates made so far.
            values: scalars, or [members] arrays; see `spread`. Those that are not
                finite are left out.

        Returns:
            The row, with 'step' and 'seconds' of training.
        """
        numbers = {k: v for k, v in spread(values).items() if math.isfinite(v)}
        seconds = self.elapsed + time.monotonic() - self.started
        row = {'step': step, 'seconds': round(seconds, 3), **numbers}
        with self.path.open('a') as file:
            file.write(json.dumps(row) + '\n')
        for name, value in numbers.items():
            self.events.add_scalar(name, value, step)
        self.rows.append(row)
        return row

    def image(self, name: str, pixels: np.ndarray, step: int) -> None:
        """Add a picture to the TensorBoard events: [height, width, 3] uint8."""
        self.events.add_image(name, pixels, step, dataformats='HWC')

    def text(self, name: str, words: str, step: int) -> None:
        """Add a text to the TensorBoard events, as it is laid out."""
        self.events.add_text(name, '    ' + words.replace('\n', '\n    '), step)

    def close(self) -> None:
        """Flush the events to disk."""
        self.events.close()


def read_rows(path: Path) -> list[dict[str, float]]:
    """Read metrics.jsonl; a last line that was cut off by a crash is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
