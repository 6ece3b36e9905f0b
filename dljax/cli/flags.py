"""The flags of an experiment: those of its signature, and those of every run."""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from dljax.experiment import Options


def parse_words(
    experiment: Callable[..., Any],
    arguments: Sequence[str] | None,
    *,
    program: str,
    description: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the words of a command line, or answer `--help` and exit.

    Args:
        experiment: a function of keyword-only arguments with defaults, whose docstring
            describes them under 'Args:'. It is not called.
        arguments: the words; those of the process by default.
        program: what is shown as its name.
        description: shown above the flags.

    Returns:
        The experiment's own arguments, and the fields of `Options`, by name.

    Raises:
        ValueError: where two flags have one name.
        SystemExit: for words that are no flags, or `--help`.
    """
    import tyro
    from tyro.conf import arg

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
    chosen = tyro.cli(made, args=arguments, prog=program, description=description)
    values = {name: getattr(chosen, name) for name in own}
    return values, {name: getattr(chosen, name) for name in common}


def _helps(described: Any) -> dict[str, str]:
    """Read what a docstring says about each argument or attribute."""
    from docstring_parser import parse

    params = parse(inspect.getdoc(described) or '').params
    return {p.arg_name: ' '.join((p.description or '').split()) for p in params}
