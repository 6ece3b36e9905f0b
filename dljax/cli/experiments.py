"""The command line of every experiment."""

import dataclasses
import inspect
import os
import sys
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    import tyro
    from tyro.conf import arg

    from dljax.experiment import Options
    from dljax.experiment.arguments import check_arguments
    from dljax.host import processes
    from dljax.host.compiler import keep_programs
    from dljax.runs.run import run

    own = inspect.signature(experiment, eval_str=True).parameters
    common = {field.name: field for field in dataclasses.fields(Options)}
    clash = own.keys() & common.keys()
    if clash:
        raise ValueError(
            f'{sorted(clash)} of {experiment.__name__} are flags of every experiment: '
            'give them other names'
        )
    helps = _helps(experiment) | _helps(Options)
    hints = typing.get_type_hints(Options)
    fields = [
        *((p.name, p.annotation, p.default) for p in own.values()),
        *((name, hints[name], field.default) for name, field in common.items()),
    ]
    made = dataclasses.make_dataclass(
        'Arguments',
        [
            (name, Annotated[hint, arg(help=helps.get(name, ''))], default)
            for name, hint, default in fields
        ],
    )
    description = inspect.getdoc(inspect.getmodule(experiment)) or ''
    chosen = tyro.cli(made, args=arguments, prog=path.name, description=description)
    values = {name: getattr(chosen, name) for name, *_ in fields}
    options = {name: values.pop(name) for name in common}
    name = f'{path.parent.name}/{path.stem}'
    try:
        check_arguments(values)
        checked = Options(**options)
        # Before a backend starts; other platforms ignore it.
        if checked.devices > 1 or processes.expected(os.environ) > 1:
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


def _helps(described: Any) -> dict[str, str]:
    """Read what a docstring says about each argument or attribute."""
    from docstring_parser import parse

    params = parse(inspect.getdoc(described) or '').params
    return {p.arg_name: ' '.join((p.description or '').split()) for p in params}
