"""The command line of every experiment."""

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dljax.host import interrupt
from dljax.host.refusal import refusal

if TYPE_CHECKING:
    from dljax.experiment import Experiment, Report


def command(
    experiment: Callable[..., 'Experiment'], arguments: Sequence[str] | None = None
) -> 'Report':
    """Run an experiment from the command line; the signature makes the flags.

    Call it at the end of an experiment's file, `command(experiment)`, under the main
    guard. Exits with 0 at the end, 130 or 143 after Ctrl-C or SIGTERM, 1 after an error
    of the run and 2 after one of the flags.

    Args:
        experiment: a function of keyword-only arguments with defaults, whose docstring
            describes them under 'Args:'.
        arguments: the words to parse; those of the process by default.
    """
    path = Path(inspect.getfile(experiment))
    outlook = 'ended, nothing was lost: the same command starts or goes on'
    with interrupt.ending_the_process(path.name, outlook) as request:
        report = _answered(experiment, arguments, path)
    signal = request.signal or report.signal
    if signal:
        interrupt.leave(signal)  # also where it came with the last line
    return report


def _answered(
    experiment: Callable[..., 'Experiment'],
    arguments: Sequence[str] | None,
    path: Path,
) -> 'Report':
    import jax

    from dljax.cli.flags import parse_words
    from dljax.experiment import Options
    from dljax.experiment.arguments import check_arguments
    from dljax.host import processes
    from dljax.host.compiler import keep_programs
    from dljax.runs.run import run

    description = inspect.getdoc(inspect.getmodule(experiment)) or ''
    values, options = parse_words(
        experiment, arguments, program=path.name, description=description
    )
    name = f'{path.parent.name}/{path.stem}'
    try:
        check_arguments(values)
        checked = Options(**options)
        # Before a backend starts; other platforms ignore it.
        if checked.devices > 1 or processes.count_expected(os.environ) > 1:
            jax.config.update('jax_num_cpu_devices', checked.devices)
        processes.join()
        if checked.compilation_cache:
            keep_programs()
        return run(
            experiment(**values),
            checked.workdir or Path('runs') / name,
            checked,
            name=name,
            arguments=values,
            beside=checked.workdir is None,
        )
    except Exception as error:
        if (words := refusal(error, path)) is None:
            raise
        print(f'{path.name}: {words}', file=sys.stderr)
        raise SystemExit(1) from None
