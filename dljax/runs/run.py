"""The one function that runs an experiment."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from dljax.experiment import Experiment, Options, Report
from dljax.experiment.arguments import check_arguments
from dljax.host import processes
from dljax.host.interrupt import Interrupted, ending_at_once, interruptible
from dljax.host.refusal import FULL
from dljax.runs import ledger
from dljax.runs.assembly import assemble
from dljax.runs.choice import folder_for
from dljax.runs.ending import finish
from dljax.runs.manifest import configuration
from dljax.runs.session import Session
from dljax.runs.workdir import open_run
from dljax.training.checkpoint import Checkpoints
from dljax.training.declaration import border, check_by, check_inputs, placed
from dljax.types import AnyBatch


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
    made = assemble(experiment, options)
    _check_borders(experiment, experiment.source.arrays or made.sample)
    if experiment.source.arrays is not None:  # all of them have been checked just now
        learner = made.learner._replace(check=None)
        made = dataclasses.replace(made, learner=learner)
    if options.results:
        ledger.check(options.results)
    path = Path(workdir).absolute()
    config = configuration(name or path.name, made, arguments)
    if beside:
        steps, resume = experiment.steps, options.resume
        path, why = folder_for(path, config, steps, resume=resume)
        if why:
            said = f'folder    {why}: this one has {path.name}'
            console.print(said, highlight=False, soft_wrap=True)
    if not processes.is_first():  # nobody needs what it would draw and enter
        made = dataclasses.replace(
            made,
            experiment=dataclasses.replace(experiment, along={}, pictures={}),
            options=dataclasses.replace(options, results=None),
        )
    with open_run(path, config, resume=options.resume) as folder:
        checkpoints = Checkpoints(
            path / 'checkpoints',
            keep=options.keep,
            best=experiment.best,
            maximize=experiment.maximize,
        )
        session = Session(made, folder, checkpoints, console)
        ended, metrics = None, {}
        # Several processes have to agree on when to end.
        signals = ending_at_once if jax.process_count() == 1 else interruptible
        try:
            with signals() as request:
                ended = session.train()
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
    at = session.at
    return Report(
        workdir=path,
        step=at.step,
        metrics=metrics,
        ended=ended,
        signal=session.signal and int(session.signal),
        state=at.state.replace(position=at.position),
        seconds=session.seconds,
    )


def _check_borders(experiment: Experiment, training: AnyBatch) -> None:
    """Refuse data that the model did not ask for, before the first compilation."""
    check_inputs(experiment.inputs, training, 'the training set')
    for name, arrays in experiment.evaluation.items():
        check_inputs(experiment.inputs, arrays, f"the set '{name}'")
    with placed('the training set'):
        border(experiment.net, experiment.players)(training)
    for name, arrays in experiment.evaluation.items():
        with placed(f"the set '{name}'"):
            check_by(experiment.score, experiment.net, arrays)
