"""What a run came to."""

import dataclasses
from pathlib import Path

from dljax.types import State


@dataclasses.dataclass(frozen=True)
class Report:
    """What a run came to.

    Attributes:
        workdir: its folder: config.json, metrics.jsonl, events/, checkpoints/,
            pictures/, report.html and, once it has ended, result.json.
        step: updates made.
        metrics: of the last records and evaluations; of an ensemble, means, with the
            sample standard deviation under 'name/std'.
        ended: why it ended, or None where a signal interrupted it and the same command
            goes on with it.
        signal: the number of a signal that it received, or None.
        state: the last state, with the position of the source, as `fit` goes on from.
        seconds: of training, over all its parts.
    """

    workdir: Path
    step: int
    metrics: dict[str, float]
    ended: str | None
    signal: int | None
    state: State = dataclasses.field(repr=False)  # a session of Python shows the rest
    seconds: float
