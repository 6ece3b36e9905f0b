"""An experiment, and the one function that runs it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from jax.sharding import Mesh
from rich.console import Console

from dljax import processes
from dljax.configuration import Options, configuration, prepared
from dljax.data import Normalizer
from dljax.report import Alarm, Measure, Picture
from dljax.session import Session
from dljax.training import (
    Learner,
    Player,
    data_mesh,
    ensemble,
    learner,
    mapped,
    replicated,
    sharded,
)
from dljax.training.checkpoint import Checkpoints
from dljax.training.division import AXIS
from dljax.training.hosts import everywhere, joint
from dljax.training.stopping import Stop
from dljax.types import Batch, Key, Objective, PyTree, Source, Spec, State
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
        normalizers: fitted on the training split, stored with the run, by feature.
        evaluation_batch: examples scored at once.
        start: arrays to begin with, as `learner` takes them: pretrained weights, say.
        may_diverge: players whose loss may leave the finite numbers without ending the
            run, where that is what the experiment shows.
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
    evaluation_batch: int = 256
    start: PyTree | None = None
    may_diverge: tuple[str, ...] = ()

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
        signal: the number of that signal, or None.
        state: the last state.
        seconds: of training, over all its parts.
    """

    workdir: Path
    step: int
    metrics: dict[str, float]
    ended: str | None
    signal: int | None
    state: State
    seconds: float


def run(
    experiment: Experiment,
    workdir: str | Path,
    options: Options | None = None,
    *,
    name: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    console: Console | None = None,
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

    Returns:
        The report.

    Raises:
        ValueError: for data out of their declared form, or a folder of another run.
        NonFiniteError: where the loss diverged; the last checkpoint is still good.
    """
    options = options or Options()
    console = console or Console(quiet=not processes.is_first())
    net = prepared(experiment.net, options, AXIS)
    train, source, mesh = _assembled(experiment, net, options)
    key = jax.random.key(options.seed)
    position, batch = source.init(key)
    sample = _sample(experiment.source, key)
    _check_borders(experiment, experiment.source.arrays or sample)
    if options.results and not options.results.absolute().parent.is_dir():
        raise ValueError(f'results={options.results}: there is no such folder')
    path = Path(workdir).absolute()
    config = configuration(name or path.name, experiment, net, options, arguments)
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
        try:
            session.introduce(state, examples)
            ended = session.train(train, source, key, state, position)
            metrics = session.finish(ended)
        finally:
            session.close()
            checkpoints.close()
    return Report(
        workdir=path,
        step=session.step,
        metrics=metrics,
        ended=ended,
        signal=session.signal,
        state=session.state,
        seconds=session.seconds,
    )


def _assembled(
    experiment: Experiment, net: nn.Module, options: Options
) -> tuple[Learner, Source, Mesh | None]:
    """Build the learner that the options ask for, and the mesh of several processes."""
    source, count = experiment.source, jax.process_count()
    if options.devices > jax.local_device_count():
        raise ValueError(
            f'devices={options.devices}, but there are {jax.local_device_count()}: '
            'on a CPU, set JAX_NUM_CPU_DEVICES before Python starts'
        )
    if count > 1 and (options.parallel == 'pmap' or options.members > 1):
        raise ValueError(
            f'parallel={options.parallel!r} and members={options.members} in {count} '
            "processes, wanted 'jit' and 1: others are for one process"
        )
    devices = _devices(options.devices)
    mesh = (
        data_mesh(devices) if options.parallel == 'jit' and len(devices) > 1 else None
    )
    each = mesh is not None and options.batch_statistics == 'device'
    axis = AXIS if options.parallel == 'pmap' or each else None
    train = learner(net, experiment.players, axis=axis, start=experiment.start)
    if options.parallel == 'pmap':
        train = replicated(train, devices)
    elif mesh is not None:
        train = mapped(train, mesh) if each else sharded(train, mesh)
    if count > 1 and source.host:
        source = joint(source, mesh)
    if options.members > 1:
        train, source = ensemble(train, source, options.members)
    return train, source, mesh


def _devices(each: int) -> list[jax.Device]:
    """Take so many devices of each process."""
    by_process: dict[int, list[jax.Device]] = {}
    for device in jax.devices():
        by_process.setdefault(device.process_index, []).append(device)
    return [device for own in by_process.values() for device in own[:each]]


def _sample(source: Source, key: Key) -> Batch:
    """Draw what this process will read of a batch."""
    count = jax.process_count()
    if count > 1 and source.part is not None:
        source = source.part(jax.process_index(), count)
    return source.init(key)[1]


def _check_borders(experiment: Experiment, training: Batch) -> None:
    """Refuse data that the model did not ask for, before the first compilation."""
    nested = all(isinstance(part, Mapping) for part in training.values())
    parts = training if nested else {'': training}
    sets = {
        f'the training set {name}'.strip(): arrays for name, arrays in parts.items()
    }
    sets |= {
        f"the set '{name}'": arrays for name, arrays in experiment.evaluation.items()
    }
    for where, arrays in sets.items():
        for name, spec in experiment.inputs.items():
            if name not in arrays:
                raise ValueError(
                    f"{where} has no feature '{name}', only {sorted(arrays)}: rename "
                    'one, or choose another model'
                )
            try:
                spec.check(name, arrays[name])
            except ValueError as error:
                raise ValueError(f'{where}: {error}') from None
