"""What a run tells its user while it runs: a bar on a terminal, lines elsewhere."""

import time
from collections.abc import Mapping

import jax
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from dljax.host.machine import device
from dljax.runs.assembly import Assembly
from dljax.training.start import fresh
from dljax.types import State

PAUSE = 5.0  # seconds between lines


class Reporter:
    """Shows step, time left, metrics and examples per second."""

    def __init__(
        self, console: Console, *, step: int, steps: int, examples: int
    ) -> None:
        """Start.

        Args:
            console: where to; a bar is drawn only where it is a terminal.
            step: updates already made.
            steps: updates in all.
            examples: examples in one update, over all members.
        """
        self.console, self.examples, self.steps = console, examples, steps
        self.step, self.moment = step, time.monotonic()
        self.metrics = ''
        self.bar: Progress | None = None
        self.task: TaskID | None = None
        if console.is_terminal:
            self.bar = Progress(
                TextColumn('{task.description}'),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn('{task.fields[metrics]}'),
                console=console,
            )
            self.task = self.bar.add_task(
                'training', total=steps, completed=step, metrics=''
            )
            self.bar.start()

    def advance(self, step: int) -> None:
        """Move the bar; cheap enough for every round."""
        if self.bar and self.task is not None:
            self.bar.update(self.task, completed=step)

    def report(self, step: int, row: Mapping[str, float], scored: bool) -> None:
        """Show the metrics of a new row of the records.

        Args:
            step: updates made.
            row: the metrics.
            scored: whether an evaluation is among them. Without a terminal, other rows
                are shown every few seconds only.
        """
        now = time.monotonic()
        if not (self.bar or scored or now - self.moment > PAUSE):
            return
        rate = (step - self.step) * self.examples / max(now - self.moment, 1e-9)
        self.step, self.moment = step, now
        shown = {
            name: value
            for name, value in row.items()
            if name.split('/')[-1] not in ('std', 'gradient_norm')
            and name not in ('step', 'seconds')
        }
        metrics = '  '.join(f'{name} {value:.4g}' for name, value in shown.items())
        metrics += f'  {rate:,.0f} examples/s'
        if self.bar and self.task is not None:
            self.bar.update(self.task, completed=step, metrics=metrics)
        else:
            left = (self.steps - step) * self.examples / max(rate, 1e-9)
            self.console.print(
                f'step {step}/{self.steps}  {metrics}  {left:.0f} s left',
                highlight=False,
                soft_wrap=True,
            )

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self.bar:
            self.bar.stop()


def introduction(made: Assembly, state: State) -> str:
    """Say in three lines what is trained: on what data, which net, on which devices."""
    experiment, net, options = made.experiment, made.net, made.options
    members = options.members
    count = sum(leaf.size for leaf in jax.tree.leaves(state.params)) // members
    many = f', {members} members' if members > 1 else ''
    begin = ''
    if experiment.start is not None:
        left = fresh({'params': state.params, **state.collections}, experiment.start)
        shown = ', '.join(left[:6]) + f' and {len(left) - 6} more' * (len(left) > 6)
        begin = f'start     given; drawn afresh: {shown or "nothing"}\n'
    return (
        f'data      {experiment.data_summary}\n'
        f'model     {type(net).__name__}, {count:,} parameters{many}\n'
        f'{begin}'
        f'device    {options.devices} x {device()}, {options.precision}'
    )
