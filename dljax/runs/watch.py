"""What is watched along a training: pictures of its progress, and alarms."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dljax.experiment import Experiment, Outcome
from dljax.runs import page
from dljax.runs.record import Records
from dljax.runs.workdir import Workdir
from dljax.types import Figures


class Watch:
    """Looks at a run whenever it is evaluated.

    Attributes:
        alarms: those that have sounded, by name: 'spans' of updates in which they did,
            [first, last], where None is the last of one that still sounds; and what it
            'says', in its last words.
    """

    def __init__(
        self, experiment: Experiment, folder: Workdir, say: Callable[[str], None]
    ) -> None:
        """Keep what is looked at.

        Args:
            experiment: whose `along` and `alarms` are watched.
            folder: of the run.
            say: prints a line.
        """
        self.experiment, self.folder, self.say = experiment, folder, say
        self.alarms: dict[str, dict[str, Any]] = {}

    def look(self, step: int, outcome: Outcome, records: Records) -> None:
        """Draw the pictures, and say what has begun or ceased to be wrong.

        Args:
            step: updates made.
            outcome: as it stands.
            records: whose TensorBoard events the pictures join.
        """
        for title, picture in self.experiment.along.items():
            place = page.frame(self.folder, title, step)
            page.draw(title, picture(outcome), place, records, step)
        for name, alarm in self.experiment.alarms.items():
            self._hear(name, alarm(outcome), step)

    def measure(self, step: int, metrics: Figures) -> None:
        """Say which metrics have begun or ceased to be not finite.

        Args:
            step: updates made.
            metrics: scalars, or [members] arrays, by name.
        """
        for name, value in metrics.items():
            value = np.asarray(value, np.float64)
            bad = np.flatnonzero(~np.isfinite(value))
            says = None
            if bad.size:
                says = f'it is {value.ravel()[bad[0]]}'
                if value.size > 1:
                    says += f' in member {", ".join(map(str, bad))} of {value.size}'
                if name.split('/')[0] in self.experiment.evaluation:
                    says += ': an example, a label or a weight that it cannot score'
            self._hear(f'{name} is not finite', says, step)

    def _hear(self, name: str, says: str | None, step: int) -> None:
        spans = self.alarms.get(name, {'spans': []})['spans']
        sounds = bool(spans) and spans[-1][1] is None
        if says:
            if not sounds:
                spans.append([step, None])
                self.say(f'alarm     {name}, at step {step}: {says}')
            self.alarms[name] = {'spans': spans, 'says': says}
        elif sounds:
            spans[-1][1] = step
            self.say(f'alarm     {name}: over at step {step}')
