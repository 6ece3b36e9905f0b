"""The command line: of every experiment, and of the package itself.

Nothing heavy is imported at the top, so that `--help` answers at once.
"""

import ast
import dataclasses
import inspect
import sys
import traceback
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

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
    import jax
    import tyro

    from dljax.configuration import Options
    from dljax.experiment import run
    from dljax.training import NonFiniteError

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
    path = Path(inspect.getfile(experiment))
    description = inspect.getdoc(inspect.getmodule(experiment)) or ''
    chosen = tyro.cli(made, args=arguments, prog=path.name, description=description)
    values = {name: getattr(chosen, name) for name, *_ in fields}
    options = {name: values.pop(name) for name in common}
    name = f'{path.parent.name}/{path.stem}'
    try:
        checked = Options(**options)
        if checked.devices > 1:  # before a backend starts; other platforms ignore it
            jax.config.update('jax_num_cpu_devices', checked.devices)
        report = run(
            experiment(**values),
            checked.workdir or Path('runs') / name,
            checked,
            name=name,
            arguments=values,
        )
    except (ValueError, NonFiniteError, OSError) as error:
        frames = list(traceback.walk_tb(error.__traceback__))
        place = Path(frames[-1][0].f_code.co_filename)
        if place != path and Path(__file__).parent not in place.parents:
            raise  # no refusal of ours: where it comes from is worth knowing
        print(f'{path.name}: {error}', file=sys.stderr)
        raise SystemExit(1) from None
    if report.ended is None:
        raise SystemExit(128 + report.signal)  # as the shell counts signals
    return report


def main() -> None:
    """Answer `dljax`: what is in the zoo, what was measured, whose weights fit."""
    import tyro

    try:
        tyro.extras.subcommand_cli_from_dict(
            {
                'zoo': zoo,
                'describe': describe,
                'convert': convert,
                'results': results,
            },
            prog='dljax',
            description='The models of a deep-learning course, trained by one engine. '
            'Experiments run by themselves: python experiments/FAMILY/NAME.py --help',
        )
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f'dljax: {error}', file=sys.stderr)
        raise SystemExit(1) from None


def zoo(pattern: Positional[str] = '*') -> None:
    """List the models: name, parameters, input and paper.

    Args:
        pattern: a shell pattern of names, such as 'lenet*'.
    """
    from rich.console import Console
    from rich.table import Table

    from dljax import zoo as catalogue

    table = Table('name', 'parameters', 'input', 'paper', box=None, pad_edge=False)
    table.columns[1].justify = 'right'
    for name in catalogue.list_models(pattern):
        row = catalogue.row(name)
        shapes = (
            f'{feature} {list(shape.shape[1:])}'
            for feature, shape in catalogue.shapes(name).items()
            if feature not in catalogue.ANSWERS
        )
        table.add_row(name, f'{row.parameters:,}', ', '.join(shapes), row.paper)
    if not table.row_count:
        raise ValueError(
            f"no model matches '{pattern}', only {', '.join(catalogue.list_models())}"
        )
    Console().print(table)


def describe(name: Positional[str], settings: Positional[tuple[str, ...]] = ()) -> None:
    """Show the layers of a model: shapes, parameters and operations of one example.

    Args:
        name: of the model, as `dljax zoo` lists it.
        settings: of the model, such as classes=3 or hidden=(64,32).
    """
    from rich.console import Console
    from rich.table import Table

    from dljax import zoo as catalogue

    summary = catalogue.describe(name, **_settings(settings))
    table = Table('layer', 'kind', 'output', 'parameters', 'FLOPs', box=None)
    for column in table.columns[3:]:
        column.justify = 'right'
    for layer in summary.layers:
        table.add_row(
            layer.path or name,
            layer.kind,
            layer.output,
            f'{layer.parameters:,}',
            f'{layer.operations:,}',
        )
    table.add_section()
    table.add_row('total', '', '', f'{summary.parameters:,}', f'{summary.operations:,}')
    Console().print(table)


def convert(
    source: Positional[Path],
    target: Positional[Path],
    *,
    model: str,
    came_from: Annotated[Literal['torchvision', 'keras', 'dljax'], arg(name='from')],
    goes_to: Annotated[
        Literal['torchvision', 'keras', 'dljax'], arg(name='to')
    ] = 'dljax',
    classes: int | None = None,
    settings: tuple[str, ...] = (),
    overwrite: bool = False,
) -> None:
    """Convert weights, and write TARGET.json, which certifies what was done.

    The source can be .safetensors, .npz, .h5, .weights.h5, .keras, .pt or .pth; from
    dljax also the folder of a run or of Orbax. Where torchvision or Keras is installed,
    its logits are compared with ours.

    Args:
        source: the weights to read.
        target: the file to write; its suffix says the format, none is an Orbax folder.
        model: as `dljax zoo` lists it.
        came_from: whose weights the source holds.
        goes_to: whose weights the target is to hold.
        classes: of the model, where not its default.
        settings: others, such as auxiliary=True.
        overwrite: replace a target that is there.
    """
    from dljax import conversion

    chosen = _settings(settings)
    if classes is not None:
        chosen['classes'] = classes
    made = conversion.convert(
        source,
        target,
        model=model,
        came_from=came_from,
        goes_to=goes_to,
        settings=chosen,
        overwrite=overwrite,
    )
    found = made['logits_difference']
    said = (
        f'logits differ by {found["relative"]:.2g} of the largest from the reference'
        if found
        else f'logits not compared: {made["logits_difference_is_null_because"]}'
    )
    print(
        f'wrote {target}, {model} with {made["parameters"]:,} parameters, and '
        f'{target}.json\n{said}'
    )


def results(folder: Positional[Path] = Path('experiments')) -> None:
    """Write README.md of a folder of experiments from its results.jsonl.

    Args:
        folder: the folder.
    """
    from dljax.ledger import page

    readme = folder / 'README.md'
    readme.write_text(page(folder / 'results.jsonl'), encoding='utf-8')
    print(f'wrote {readme}')


def _settings(words: Sequence[str]) -> dict[str, Any]:
    """Read settings of a model, NAME=VALUE."""
    chosen = {}
    for word in words:
        key, equals, value = word.partition('=')
        if not equals:
            raise ValueError(f"'{word}' is no setting, wanted NAME=VALUE")
        try:
            chosen[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise ValueError(
                f"'{value}' is no Python number, text or tuple; quote a text twice"
            ) from None
    return chosen


def _helps(described: Any) -> dict[str, str]:
    """Read what a docstring says about each argument or attribute."""
    from docstring_parser import parse

    params = parse(inspect.getdoc(described) or '').params
    return {p.arg_name: ' '.join((p.description or '').split()) for p in params}
