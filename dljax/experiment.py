"""An experiment, and the one function that runs it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from rich.console import Console

from dljax import ledger
from dljax.arguments import check_arguments
from dljax.assembly import assembled
from dljax.choice import folder_for
from dljax.configuration import Options, configuration, prepared
from dljax.data import Normalizer
from dljax.ending import finish
from dljax.host import processes
from dljax.host.interrupt import Interrupted, ending_at_once, interruptible
from dljax.host.refusal import FULL
from dljax.report import Alarm, Measure, Picture
from dljax.session import Session
from dljax.training import Plateau, Player
from dljax.training.checkpoint import Checkpoints
from dljax.training.declaration import border, check_by, check_inputs, placed
from dljax.training.division import AXIS
from dljax.training.hosts import everywhere
from dljax.training.stopping import Stop, require_metric
from dljax.types import Batch, Key, Metrics, Objective, PyTree, Source, Spec, State
from dljax.workdir import opened


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is trained on what: all that `run` needs to know.

    Attributes:
        net: any Linen module.
        players: by name, in the order of their turns.
        source: of the training batches.
        steps: updates in all.
        data: one line about the data: real, composed or synthetic, and how much.
        score: per-example scores `(net, batch, step) -> {name: [batch]}`, if any.
        evaluation: the sets to score. 'test' is scored once, at the end; any other
            also along the training.
        inputs: the declared form of each feature, checked before anything is compiled.
        best: the metric of an evaluation by which the best checkpoint is kept; where
            that is not the last one, its scores are reported too, under 'best/'.
        higher: whether a larger `best` is better.
        stop: when to end early.
        record_every: updates averaged into one row of the records; by default a
            hundredth of all.
        evaluate_every: updates between evaluations, each with a checkpoint; by default
            a tenth of all.
        pictures: drawn at the end, by name: figures, or texts.
        along: pictures drawn at every evaluation along the training as well, by name;
            under an ensemble, of its first member.
        alarms: by name, what says in a sentence what is wrong with the run, if anything
            is; asked at every evaluation, said on the console and on the page.
        measures: figures of the outcome as a whole, taken at the end, by the name that
            they are entered under; [members] values for an ensemble, or one number.
        normalizers: fitted on the training split, stored with the run, by feature; they
            go along when the run is exported, that of 'target' with its outputs.
        class_names: of the labels in their order, stored with the run.
        evaluation_batch: examples scored at once.
        start: arrays to begin with, as `learner` takes them: pretrained weights, say.
        may_diverge: players whose loss may leave the finite numbers without ending the
            run, where that is what the experiment shows.
        plateau: lowers the learning rates where a metric of an evaluation stalls.
    """

    net: nn.Module
    players: Mapping[str, Player]
    source: Source
    steps: int
    data: str
    score: Objective | None = None
    evaluation: Mapping[str, Mapping[str, np.ndarray]] = dataclasses.field(
        default_factory=dict
    )
    inputs: Mapping[str, Spec] = dataclasses.field(default_factory=dict)
    best: str | None = None
    higher: bool = True
    stop: Stop | None = None
    record_every: int | None = None
    evaluate_every: int | None = None
    pictures: Mapping[str, Picture] = dataclasses.field(default_factory=dict)
    along: Mapping[str, Picture] = dataclasses.field(default_factory=dict)
    alarms: Mapping[str, Alarm] = dataclasses.field(default_factory=dict)
    measures: Mapping[str, Measure] = dataclasses.field(default_factory=dict)
    normalizers: Mapping[str, Normalizer] = dataclasses.field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    evaluation_batch: int = 256
    start: PyTree | None = None
    may_diverge: tuple[str, ...] = ()
    plateau: Plateau | None = None

    def __post_init__(self) -> None:
        unknown = set(self.may_diverge) - set(self.players)
        if unknown:
            raise ValueError(
                f'may_diverge names {sorted(unknown)}, but the players are '
                f'{sorted(self.players)}'
            )
        for name in ('steps', 'record_every', 'evaluate_every', 'evaluation_batch'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name}={value}, wanted 1 or more')
        if both := self.pictures.keys() & self.along.keys():
            raise ValueError(
                f'{sorted(both)} are drawn along the training and at its end under one '
                'name: rename one'
            )
        if self.evaluation and self.score is None:
            raise ValueError('there are sets to evaluate but no score to do it by')
        if self.plateau:
            self.plateau.require_set(self.evaluation)

    def require(self, found: Metrics) -> None:
        """Refuse a `best`, `stop` or plateau of what is no score along the training.

        Args:
            found: the scores of an evaluation along it.

        Raises:
            ValueError: where one of them is not among them.
        """
        if self.best and self.best not in found:
            raise ValueError(
                f"best='{self.best}' is no score along the training, wanted one of "
                f'{sorted(found)}'
            )
        if self.plateau:
            self.plateau.require(found)
        others = ('step', 'seconds', 'plateau/', *(f'{name}/' for name in self.players))
        require_metric(self.stop, found, others)


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


def run(
    experiment: Experiment,
    workdir: str | Path,
    options: Options | None = None,
    *,
    name: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    console: Console | None = None,
    beside: bool = False,
) -> Report:
    """Train, record, save, evaluate and draw: the same for Python and the command line.

    Where the folder holds an unfinished run of the same model, it goes on and ends bit
    for bit as one that was never interrupted. Ctrl-C and SIGTERM save and return.

    Args:
        experiment: what to train.
        workdir: the folder of the run.
        options: seed, members, devices and so on.
        name: of the experiment, for the page and the ledger; the folder's by default.
        arguments: what the experiment was made from, for config.json.
        console: where to print; the terminal by default.
        beside: where another run lies in the folder, take one beside it, WORKDIR-2 and
            so on, instead of refusing: the first that is free, or holds this run.

    Returns:
        The report.

    Raises:
        ValueError: for data out of their declared form or that an objective or the
            score has no meaning for, or a folder of another run.
        NonFiniteError: where the loss diverged; the last checkpoint is still good.
    """
    check_arguments(arguments or {})
    options = options or Options()
    console = console or Console(quiet=not processes.is_first())
    net = prepared(experiment.net, options, AXIS)
    train, source, mesh = assembled(experiment, net, options)
    key = jax.random.key(options.seed)
    position, batch = source.init(key)
    sample = _sample(experiment.source, key)
    _check_borders(experiment, experiment.source.arrays or sample)
    if experiment.source.arrays is not None:  # all of them have been checked just now
        train = train._replace(check=None)
    if options.results:
        ledger.check(options.results)
    path = Path(workdir).absolute()
    config = configuration(
        name or path.name, experiment, net, options, arguments, sample
    )
    if beside:
        steps, resume = experiment.steps, options.resume
        path, why = folder_for(path, config, steps, resume=resume)
        if why:
            said = f'folder    {why}: this one has {path.name}'
            console.print(said, highlight=False, soft_wrap=True)
    if not processes.is_first():  # nobody needs what it would draw and enter
        experiment = dataclasses.replace(experiment, along={}, pictures={})
        options = dataclasses.replace(options, results=None)
    first, examples = (key, batch), len(jax.tree.leaves(sample)[0])
    if jax.process_count() > 1:
        first = everywhere(key, mesh), batch if source.host else everywhere(batch, mesh)
        position = jax.tree.map(np.asarray, position)
        examples = len(jax.tree.leaves(batch)[0])
    with opened(path, config, resume=options.resume) as folder:
        state = jax.jit(train.init)(*first)
        checkpoints = Checkpoints(
            path / 'checkpoints',
            keep=options.keep,
            best=experiment.best,
            higher=experiment.higher,
        )
        session = Session(experiment, net, options, folder, checkpoints, console)
        session.introduce(state, position, examples)
        ended, metrics = None, {}
        # Several processes have to agree on when to end.
        signals = ending_at_once if jax.process_count() == 1 else interruptible
        try:
            with signals() as request:
                ended = session.train(train, source, key)
                metrics = finish(session, ended)
            session.signal = session.signal or request.signal
        except Interrupted as stopped:
            ended = None
            session.interrupted(stopped.signal)
        except BaseException as error:
            with interruptible():
                session.close(failed=True)
            if isinstance(error, OSError) and error.errno in FULL:
                error.filename = error.filename or str(path)  # writing gives no name
            raise
        with interruptible():
            session.close()
    return Report(
        workdir=path,
        step=session.step,
        metrics=metrics,
        ended=ended,
        signal=session.signal and int(session.signal),
        state=session.state.replace(position=session.position),
        seconds=session.seconds,
    )


def _sample(source: Source, key: Key) -> Batch:
    """Draw what this process will read of a batch."""
    count = jax.process_count()
    if count > 1 and source.part is not None:
        source = source.part(jax.process_index(), count)
    return source.init(key)[1]


def _check_borders(experiment: Experiment, training: Batch) -> None:
    """Refuse data that the model did not ask for, before the first compilation."""
    check_inputs(experiment.inputs, training, 'the training set')
    for name, arrays in experiment.evaluation.items():
        check_inputs(experiment.inputs, arrays, f"the set '{name}'")
    with placed('the training set'):
        border(experiment.net, experiment.players)(training)
    for name, arrays in experiment.evaluation.items():
        with placed(f"the set '{name}'"):
            check_by(experiment.score, experiment.net, arrays)
