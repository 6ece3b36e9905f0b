"""One session of a run: from its last checkpoint to its end or an interruption."""

import math
import signal as signals
from typing import TYPE_CHECKING

import jax
import numpy as np
from flax import linen as nn
from rich.console import Console

from dljax import ledger, page
from dljax.configuration import Options, introduction
from dljax.processes import agreed
from dljax.report import Outcome, measured, scores
from dljax.training import Learner, member, rounds
from dljax.training.checkpoint import Checkpoints
from dljax.training.chunk import default_chunk
from dljax.training.guard import NonFiniteError, first_non_finite, require_finite
from dljax.training.hosts import here
from dljax.training.interrupt import interruptible
from dljax.training.progress import Reporter
from dljax.training.record import Records, spread, summary
from dljax.types import Key, Metrics, Position, Source, State
from dljax.watch import Watch
from dljax.workdir import Workdir, write_json

if TYPE_CHECKING:
    from dljax.experiment import Experiment


class Session:
    """Trains, records, evaluates and saves; `run` puts it together.

    Attributes:
        step: updates made so far, by this session and those before it.
        state: the last state.
        signal: that interrupted it, or None.
    """

    def __init__(
        self,
        experiment: 'Experiment',
        net: nn.Module,
        options: Options,
        folder: Workdir,
        checkpoints: Checkpoints,
        console: Console,
    ) -> None:
        """Keep what the run is made of; nothing happens yet."""
        self.experiment, self.net, self.options = experiment, net, options
        self.folder, self.checkpoints, self.console = folder, checkpoints, console
        self.step, self.pending = 0, []
        self.signal: int | None = None
        self.state = self.position = self.records = None
        self.watch, self.latest = Watch(experiment, folder, self._say), {}
        steps = experiment.steps
        self.record_every = experiment.record_every or max(steps // 100, 1)
        self.evaluate_every = experiment.evaluate_every or max(steps // 10, 1)

    def introduce(self, state: State, examples: int) -> None:
        """Say what is about to happen.

        Args:
            state: the first one.
            examples: in one member's batch.
        """
        self.examples = examples * self.options.members
        text = introduction(self.experiment, self.net, self.options, state)
        self._say(f'{text}\nworkdir   {self.folder.path}')

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)

    @property
    def seconds(self) -> float:
        """Seconds of training, over all sessions."""
        return self.records.rows[-1]['seconds'] if self.records.rows else 0.0

    def train(
        self,
        learner: Learner,
        source: Source,
        key: Key,
        state: State,
        position: Position,
    ) -> str | None:
        """Go on from the last checkpoint.

        Args:
            learner: what to train.
            source: of its batches.
            key: the root key.
            state: the first state, where there is no checkpoint.
            position: the first position, likewise.

        Returns:
            Why the training has ended, or None where a signal interrupted it.

        Raises:
            NonFiniteError: where the loss diverged.
        """
        self.state, self.position = state, position
        self._restore()
        self.records = Records(self.folder.path, step=self.step)
        steps, ended = self.experiment.steps, self._reason()
        if not (ended and self.folder.result):
            self.folder.keep_config()
        reporter = Reporter(
            self.console, step=self.step, steps=steps, examples=self.examples
        )
        turns = rounds(
            learner,
            source,
            key=key,
            state=self.state,
            position=self.position,
            steps=0 if ended else steps - self.step,
            chunk=self.options.chunk
            or default_chunk(learner, source, key, self.state, self.record_every),
        )
        try:
            with interruptible() as request:
                for self.state, self.position, metrics in turns:
                    before = self.step
                    self.step += len(next(iter(metrics.values())))
                    self.pending.append(metrics)
                    reporter.advance(self.step)
                    scored = self._due(self.evaluate_every, before)
                    due = scored or self._due(self.record_every, before)
                    if due:
                        reporter.report(self.step, self._record(scored), scored)
                        ended = self._reason()
                    signal = agreed(request.signal, ask=due)
                    if scored or ended or signal:
                        self._save()
                    if ended or signal:
                        break
        finally:
            reporter.close()
        if not ended:
            self.signal = int(signal)
            name = signals.Signals(signal).name
            self._say(f'{name} at step {self.step}: saved; the same command goes on')
        return ended

    def finish(self, ended: str | None) -> dict[str, float]:
        """Score every set, and once the training has ended draw and write it all up.

        Args:
            ended: what `train` answered.

        Returns:
            The figures: of the last row and of every evaluation.
        """
        if self.folder.result and self.folder.result['step'] == self.step:
            more = ', more --steps go on' if self.step == self.experiment.steps else ''
            self._say(
                f'ended     at step {self.step} already ({ended}), and nothing is done '
                f'again; --no-resume starts afresh{more}'
            )
            return {
                name: math.nan if value is None else value
                for name, value in self.folder.result['metrics'].items()
            }
        metrics = {}
        for row in self.records.rows:  # not every player has moved before every row
            metrics |= {k: v for k, v in row.items() if k not in ('step', 'seconds')}
        if not ended:
            return metrics
        each = self._scores(self.state, *self.experiment.evaluation)
        best = self.checkpoints.best_step()
        if best not in (None, self.step):
            found = self.checkpoints.restore(self.state, self.position, step=best)
            at_best = self._scores(found.state, *self.experiment.evaluation)
            each |= {f'best/{name}': value for name, value in at_best.items()}
        outcome = self._outcome()
        each |= measured(outcome, self.experiment.measures)
        metrics |= spread(each)
        members = {k: np.asarray(v).tolist() for k, v in each.items() if np.ndim(v)}
        result = {
            'step': self.step,
            'ended': ended,
            'seconds': self.seconds,
            'metrics': metrics,
            'members': members,
            'alarms': self.watch.alarms,
        }
        written = page.write(
            outcome, self.experiment, self.folder, result, self.records
        )
        if self.options.results:
            ledger.enter(self.options.results, self.folder.config, result)
        write_json(self.folder.path / 'result.json', result)  # last: now it is whole
        figures = '  '.join(f'{name} {value:.4g}' for name, value in metrics.items())
        self._say(f'ended     at step {self.step}: {ended}\n{figures}')
        self._say(f'report    {written}')
        return metrics

    def close(self) -> None:
        """Flush the records to disk."""
        if self.records:
            self.records.close()

    def _restore(self) -> None:
        found = self.checkpoints.restore(self.state, self.position)
        if found is None:
            return
        self.step, self.state, self.position = found.step, found.state, found.position
        self.watch.alarms = found.notes.get('alarms', {})
        if pending := found.notes['pending']:
            self.pending = [{name: np.array(v) for name, v in pending.items()}]
        if self.step > self.experiment.steps:
            raise ValueError(
                f'{self.folder.path} is at step {self.step}, beyond '
                f'steps={self.experiment.steps}: ask for more steps, --no-resume, or '
                'another --workdir'
            )
        changed = ''.join(f'\n          {line}' for line in self.folder.changed)
        self._say(f'resuming  at step {self.step}{changed}')

    def _due(self, every: int, before: int) -> bool:
        """Whether a multiple of `every`, or the end, lies in the last round."""
        passed = self.step // every > before // every
        return passed or self.step == self.experiment.steps

    def _reason(self) -> str | None:
        """Why not to go on."""
        stop = self.experiment.stop
        if stop and self.records.rows and (reason := stop(self.records.rows)):
            return reason
        if self.step == self.experiment.steps:
            return f'{self.step} updates made'
        return None

    def _record(self, scored: bool) -> dict[str, float]:
        """Write the mean of the updates since the last row, with the scores if due."""
        metrics = self._checked()
        self.pending = []
        values = summary(metrics)
        if scored:
            along = set(self.experiment.evaluation) - {'test'}
            found = self._scores(self.state, *along)
            if self.experiment.best and self.experiment.best not in found:
                raise ValueError(
                    f"best='{self.experiment.best}' is no score along the training, "
                    f'wanted one of {sorted(found)}'
                )
            values |= found
        row = self.records.write(self.step, values)
        if scored:
            self.latest = values
            self.watch.look(self.step, self._outcome(), self.records)
        return row

    def _checked(self) -> dict[str, np.ndarray]:
        """Fetch the metrics since the last row, and stop where one is not finite."""
        pending = jax.device_get(self.pending)
        metrics = {
            name: np.concatenate([part[name] for part in pending])
            for name in (pending[0] if pending else {})
        }
        forgiven = {f'{name}/finite' for name in self.experiment.may_diverge}
        judged = {name: v for name, v in metrics.items() if name not in forgiven}
        require_finite(judged, here(self.state))
        return metrics

    def _scores(self, state: State, *names: str) -> Metrics:
        return scores(self.experiment, self.net, here(state), names)

    def _save(self) -> None:
        pending = self._checked()
        leaf = first_non_finite(here(self.state))
        if leaf and not self.experiment.may_diverge:
            raise NonFiniteError(self.step - 1, None, leaf)
        last = self.records.rows[-1] if self.records.rows else {}
        self.checkpoints.save(
            self.step,
            self.state,
            self.position,
            metrics=last if last.get('step') == self.step else {},
            notes={
                'config': self.folder.config,
                'pending': {name: value.tolist() for name, value in pending.items()},
                'alarms': self.watch.alarms,
            },
        )

    def _outcome(self) -> Outcome:
        one = state = here(self.state)
        if self.options.members > 1:
            one = member(state, 0)
        return Outcome(
            net=self.net,
            state=one,
            members=state,
            evaluation=self.experiment.evaluation,
            rows=self.records.rows,
            latest=self.latest,
        )
