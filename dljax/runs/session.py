"""One session of a run: from its last checkpoint to its end or an interruption."""

import contextlib
import itertools
import signal as signals

import jax
import numpy as np
from flax import linen as nn
from rich.console import Console

from dljax.experiment import Experiment, Options, Outcome
from dljax.host.interrupt import in_command, interruptible
from dljax.host.processes import agreed
from dljax.measures.scores import scores
from dljax.runs.console import Reporter, introduction
from dljax.runs.record import Records
from dljax.runs.rollback import rolled_back
from dljax.runs.watch import Watch
from dljax.runs.workdir import Workdir
from dljax.training import Learner, member, rounds
from dljax.training.checkpoint import Checkpoints
from dljax.training.chunk import default_chunk
from dljax.training.guard import NonFiniteError, first_non_finite, require_finite
from dljax.training.hosts import here
from dljax.training.plateau import lowered, recorded
from dljax.training.rates import compared, rates
from dljax.training.skipping import Skips, total
from dljax.training.summary import sat_out, summary
from dljax.types import Key, Metrics, Position, Source, State


class Session:
    """Trains, records, evaluates and saves; `run` puts it together.

    Attributes:
        step: updates made so far, by this session and those before it.
        state: the last state.
        signal: that interrupted it, or None.
    """

    def __init__(
        self,
        experiment: Experiment,
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
        self.skips, self.rollbacks = Skips(options.nan_limit), 0
        self.watch, self.latest = Watch(experiment, folder, self.say), {}
        steps = experiment.steps
        self.record_every = experiment.record_every or max(steps // 100, 1)
        self.evaluate_every = experiment.evaluate_every or max(steps // 10, 1)

    def introduce(self, state: State, position: Position, examples: int) -> None:
        """Say what is about to happen.

        Args:
            state: the first one, where there is no checkpoint.
            position: likewise.
            examples: in one member's batch.
        """
        self.state, self.position = state, position
        self.examples = examples * self.options.members
        text = introduction(self.experiment, self.net, self.options, state)
        self.say(f'{text}\nworkdir   {self.folder.path}')

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, highlight=False, soft_wrap=True)

    @property
    def seconds(self) -> float:
        """Seconds of training, over all sessions."""
        rows = self.records.rows if self.records else []
        return rows[-1]['seconds'] if rows else 0.0

    def train(self, learner: Learner, source: Source, key: Key) -> str | None:
        """Go on from the last checkpoint.

        Args:
            learner: what to train.
            source: of its batches.
            key: the root key.

        Returns:
            Why the training has ended, or None where a signal interrupted it.

        Raises:
            NonFiniteError: where the loss diverged.
        """
        first = self.state
        self._restore()
        self.records = Records(self.folder.path, step=self.step)
        for number in self.records.bad:
            self.say(
                f'records   line {number} of metrics.jsonl is damaged and is passed '
                'over; the next row sets it aside in metrics.bad.jsonl'
            )
        if self.records.missing:
            self.say(f'records   {self.records.missing} rows of metrics.jsonl are gone')
        ended = self._reason()
        if not (ended and self.folder.result):
            self.folder.keep_config()
        signal = None
        while not (ended or signal):
            try:
                ended, signal = self._go_on(learner, source, key)
            except NonFiniteError as error:
                if not rolled_back(self, error, first):
                    raise
        if signal:
            self.interrupted(signal)
        return None if signal else ended

    def _go_on(
        self, learner: Learner, source: Source, key: Key
    ) -> tuple[str | None, int | None]:
        """Train until something ends it, and say what: a reason, or a signal."""
        steps, ended, signal = self.experiment.steps, None, None
        skip = self.options.on_nan == 'skip'
        reporter = Reporter(
            self.console, step=self.step, steps=steps, examples=self.examples
        )
        turns = rounds(
            learner,
            source,
            key=key,
            state=self.state,
            position=self.position,
            steps=steps - self.step,
            chunk=self.options.chunk
            or default_chunk(learner, source, key, self.state, self.record_every),
            revise=lambda state: self.state,
            skip=skip,
        )
        try:
            # To compile again costs a command nothing; others JAX lets down after it.
            with contextlib.nullcontext() if in_command() else interruptible():
                first = list(itertools.islice(turns, 1))
            with interruptible() as request:
                for turn in itertools.chain(first, turns):
                    self.state, self.position, metrics = turn
                    before = self.step
                    self.step += len(next(iter(metrics.values())))
                    self.pending.append(metrics)
                    if skip:
                        self.skips.count(metrics, self.step)
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
        return ended, signal

    def interrupted(self, signal: int) -> None:
        """Keep and say which signal ends the session, whose work is on disk."""
        self.signal, name = int(signal), signals.Signals(signal).name
        saved = 'saved; ' if self.step else ''
        self.say(f'{name} at step {self.step}: {saved}the same command goes on')

    def close(self, *, failed: bool = False) -> None:
        """Wait for the disk; after what has failed, without what follows from it."""
        for part in (self.records, self.checkpoints):
            with contextlib.suppress(*[Exception] * failed):
                if part:
                    part.close()

    def _restore(self) -> None:
        found = self.checkpoints.restore(self.state, self.position)
        if found is None:
            return
        self.step, self.state, self.position = found.step, found.state, found.position
        self.watch.alarms = found.notes.get('alarms', {})
        if pending := found.notes.get('pending'):
            self.pending = [{name: np.array(v) for name, v in pending.items()}]
        if self.step > self.experiment.steps:
            raise ValueError(
                f'{self.folder.path} is at step {self.step}, beyond '
                f'steps={self.experiment.steps}: ask for more steps, --no-resume, or '
                'another --workdir'
            )
        now = here(self.state).opt_state
        found = compared(found.notes.get('rates'), self.experiment.players, now)
        changed = self.folder.note(self.step, found)
        changed = ''.join(f'\n          {line}' for line in changed)
        self.say(f'resuming  at step {self.step}{changed}')

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
        self.checkpoints.room.check()
        plateau, metrics = self.experiment.plateau, self._checked()
        count = max(map(len, metrics.values()), default=0)
        self.pending = []
        values = summary(metrics) | total(metrics)
        if scored:
            along = set(self.experiment.evaluation) - {'test'}
            found = self.score(self.state, *along)
            self.experiment.require(found)
            values |= found
        still = sat_out(self.experiment.players, self.step - count, self.step)
        written = {k: v for k, v in values.items() if not k.startswith(still)}
        self.watch.measure(self.step, written)
        row = self.records.write(
            self.step, written | recorded(plateau, self.records.rows)
        )
        if scored:
            self.state = lowered(plateau, self.records.rows, self.state, self.say)
            self.latest = values
            self.watch.look(self.step, self.outcome(), self.records)
        return row

    def _checked(self) -> dict[str, np.ndarray]:
        """Fetch the metrics since the last row, and stop where one is not finite."""
        pending = jax.device_get(self.pending)
        metrics = {  # what was restored may lack a metric, or have one more
            name: np.concatenate([part[name] for part in pending])
            for name in (pending[0] if pending else {})
            if all(name in part for part in pending)
        }
        forgiven = {f'{name}/finite' for name in self.experiment.may_diverge}
        judged = {name: v for name, v in metrics.items() if name not in forgiven}
        data = self.experiment.source.arrays
        require_finite(judged, here(self.state), data)
        return metrics

    def score(self, state: State, *names: str) -> Metrics:
        """Score some of the sets."""
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
                'rates': rates(self.experiment.players, here(self.state).opt_state),
            },
        )

    def outcome(self) -> Outcome:
        """Give what pictures, measures and alarms see, as it stands."""
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
