"""One session of a run: from its last checkpoint to its end or an interruption."""

import contextlib
import itertools
import signal as signals

import jax
import numpy as np
from rich.console import Console

from dljax.experiment import Outcome
from dljax.host.interrupt import in_command, interruptible
from dljax.host.processes import agreed
from dljax.measures.scores import scores
from dljax.runs.assembly import Assembly
from dljax.runs.console import Reporter, introduction
from dljax.runs.record import Records
from dljax.runs.standing import Standing
from dljax.runs.watch import Watch
from dljax.runs.workdir import Workdir
from dljax.training import member, rounds
from dljax.training.checkpoint import Checkpoints
from dljax.training.chunk import default_chunk
from dljax.training.guard import NonFiniteError, first_non_finite, require_finite
from dljax.training.hosts import gather
from dljax.training.plateau import lower, scale_after
from dljax.training.rates import compare, rates
from dljax.training.skipping import Skips, total
from dljax.training.summary import sat_out, summary
from dljax.types import Figures, State


class Session:
    """Trains, records, evaluates and saves; `ending` sums it up and publishes it.

    Attributes:
        made: what it trains with.
        folder: of the run.
        at: where the training stands.
        checkpoints: of the run.
        records: rows of its metrics, from the step that it went on from.
        watch: pictures along the training, and alarms.
        signal: that interrupted it, or None.
    """

    def __init__(
        self,
        made: Assembly,
        folder: Workdir,
        checkpoints: Checkpoints,
        console: Console,
    ) -> None:
        """Begin with a fresh state, and say what is about to happen.

        Args:
            made: what is trained.
            folder: of the run, opened.
            checkpoints: of the run, in the one folder that all processes share.
            console: where to print.
        """
        self.made, self.folder, self.console = made, folder, console
        self.checkpoints = checkpoints
        self.signal: int | None = None
        self.at = Standing(0, jax.jit(made.learner.init)(*made.first), made.position)
        self._records: Records | None = None  # read at the step of the last checkpoint
        self.watch = Watch(made.experiment, folder, self.say)
        self.say(f'{introduction(made, self.at.state)}\nworkdir   {folder.path}')

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, highlight=False, soft_wrap=True)

    @property
    def records(self) -> Records:
        """Its rows, from the beginning of `train` on."""
        assert self._records is not None
        return self._records

    @property
    def seconds(self) -> float:
        """Seconds of training, over all sessions."""
        rows = self._records.rows if self._records else []
        return rows[-1]['seconds'] if rows else 0.0

    def train(self) -> str | None:
        """Go on from the last checkpoint.

        Returns:
            Why the training has ended, or None where a signal interrupted it.

        Raises:
            NonFiniteError: where the loss diverged.
        """
        self._restore()
        self._records = Records(self.folder.path, step=self.at.step)
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
        signal, skips = None, Skips(self.made.options.nan_limit)
        while not (ended or signal):
            try:
                ended, signal = self._go_on(skips)
            except NonFiniteError as error:
                if not self.at.roll_back(self.made, self.checkpoints, error):
                    raise
                self._rolled_back(error)
        if signal:
            self.interrupted(signal)
        return None if signal else ended

    def _rolled_back(self, error: NonFiniteError) -> None:
        """Drop the rows since the checkpoint, as in a resumed run, and say so."""
        self.records.close()
        self._records = Records(self.folder.path, step=self.at.step)
        self.say(
            f'rollback  to step {self.at.step}, {self.at.rollbacks} of '
            f'{self.made.options.nan_limit}, and on with other batches: {error}'
        )

    def _go_on(self, skips: Skips) -> tuple[str | None, int | None]:
        """Train until something ends it, and say what: a reason, or a signal."""
        made, at = self.made, self.at
        experiment, options = made.experiment, made.options
        steps, ended, signal = experiment.steps, None, None
        record_every = experiment.record_every or max(steps // 100, 1)
        evaluate_every = experiment.evaluate_every or max(steps // 10, 1)
        skip = options.on_nan == 'skip'
        reporter = Reporter(
            self.console, step=at.step, steps=steps, examples=made.examples
        )
        turns = rounds(
            made.learner,
            made.source,
            key=made.key,
            state=at.state,
            position=at.position,
            steps=steps - at.step,
            chunk=options.chunk
            or default_chunk(
                made.learner, made.source, made.key, at.state, record_every
            ),
            revise=lambda state: at.state,
            skip=skip,
        )
        try:
            # To compile again costs a command nothing; others JAX lets down after it.
            with contextlib.nullcontext() if in_command() else interruptible():
                first = list(itertools.islice(turns, 1))
            with interruptible() as request:
                for turn in itertools.chain(first, turns):
                    at.state, at.position, metrics = turn
                    before = at.step
                    at.step += len(next(iter(metrics.values())))
                    at.pending.append(metrics)
                    if skip:
                        skips.count(metrics, at.step)
                    reporter.advance(at.step)
                    scored = self._due(evaluate_every, before)
                    due = scored or self._due(record_every, before)
                    if due:
                        reporter.report(at.step, self._record(scored), scored)
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
        saved = 'saved; ' if self.at.step else ''
        self.say(f'{name} at step {self.at.step}: {saved}the same command goes on')

    def close(self, *, failed: bool = False) -> None:
        """Wait for the disk; after what has failed, without what follows from it."""
        for part in (self._records, self.checkpoints):
            with contextlib.suppress(*[Exception] * failed):
                if part:
                    part.close()

    def _restore(self) -> None:
        found = self.at.restore(self.checkpoints)
        if found is None:
            return
        self.watch.alarms = found.notes.get('alarms', {})
        if self.at.step > self.made.experiment.steps:
            raise ValueError(
                f'{self.folder.path} is at step {self.at.step}, beyond '
                f'steps={self.made.experiment.steps}: ask for more steps, '
                '--no-resume, or another --workdir'
            )
        now = gather(self.at.state).opt_state
        found = compare(found.notes.get('rates'), self.made.experiment.players, now)
        changed = self.folder.note(self.at.step, found)
        changed = ''.join(f'\n          {line}' for line in changed)
        self.say(f'resuming  at step {self.at.step}{changed}')

    def _due(self, every: int, before: int) -> bool:
        """Whether a multiple of `every`, or the end, lies in the last round."""
        passed = self.at.step // every > before // every
        return passed or self.at.step == self.made.experiment.steps

    def _reason(self) -> str | None:
        """Why not to go on."""
        stop = self.made.experiment.stop
        if stop and self.records.rows and (reason := stop(self.records.rows)):
            return reason
        if self.at.step == self.made.experiment.steps:
            return f'{self.at.step} updates made'
        return None

    def _record(self, scored: bool) -> dict[str, float]:
        """Write the mean of the updates since the last row, with the scores if due."""
        self.checkpoints.room.check()
        plateau, metrics = self.made.experiment.plateau, self._checked()
        count = max(map(len, metrics.values()), default=0)
        self.at.pending = []
        values: dict[str, float | np.ndarray] = {**summary(metrics), **total(metrics)}
        if scored:
            along = set(self.made.experiment.evaluation) - {'test'}
            found = self.score(self.at.state, *along)
            self.made.experiment.require(found)
            values |= found
        still = sat_out(
            self.made.experiment.players, self.at.step - count, self.at.step
        )
        written = {k: v for k, v in values.items() if not k.startswith(still)}
        self.watch.measure(self.at.step, written)
        row = self.records.write(
            self.at.step, written | scale_after(plateau, self.records.rows)
        )
        if scored:
            self.at.state = lower(plateau, self.records.rows, self.at.state, self.say)
            self.at.latest = values
            self.watch.look(self.at.step, self.outcome(), self.records)
        return row

    def _checked(self) -> dict[str, np.ndarray]:
        """Fetch the metrics since the last row, and stop where one is not finite."""
        pending = jax.device_get(self.at.pending)
        metrics = {  # what was restored may lack a metric, or have one more
            name: np.concatenate([part[name] for part in pending])
            for name in (pending[0] if pending else {})
            if all(name in part for part in pending)
        }
        forgiven = {f'{name}/finite' for name in self.made.experiment.may_diverge}
        judged = {name: v for name, v in metrics.items() if name not in forgiven}
        data = self.made.experiment.source.arrays
        require_finite(judged, gather(self.at.state), data)
        return metrics

    def score(self, state: State, *names: str) -> Figures:
        """Score some of the sets."""
        return scores(self.made.experiment, self.made.net, gather(state), names)

    def _save(self) -> None:
        pending = self._checked()
        leaf = first_non_finite(gather(self.at.state))
        if leaf and not self.made.experiment.may_diverge:
            raise NonFiniteError(self.at.step - 1, None, leaf)
        last = self.records.rows[-1] if self.records.rows else {}
        self.checkpoints.save(
            self.at.step,
            self.at.state,
            self.at.position,
            metrics=last if last.get('step') == self.at.step else {},
            notes={
                'config': self.folder.config,
                'pending': {name: value.tolist() for name, value in pending.items()},
                'alarms': self.watch.alarms,
                'rates': rates(
                    self.made.experiment.players, gather(self.at.state).opt_state
                ),
            },
        )

    def outcome(self) -> Outcome:
        """Give what pictures, measures and alarms see, as it stands."""
        one = state = gather(self.at.state)
        if self.made.options.members > 1:
            one = member(state, 0)
        return Outcome(
            net=self.made.net,
            state=one,
            members=state,
            evaluation=self.made.experiment.evaluation,
            rows=self.records.rows,
            latest=self.at.latest,
        )
