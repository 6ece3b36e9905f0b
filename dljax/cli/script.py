"""`--help` of an experiment, answered from its text before it imports the rest."""

import ast
import signal
import sys
from pathlib import Path
from typing import Any

HELP = {'-h', '--help'}


def answer_help() -> None:
    """Answer `--help` where the script that Python runs is an experiment, and exit.

    The signature of the experiment and what its defaults are made of are read out of
    the script; where they cannot be, nothing happens, and `command` answers later.
    """
    path = getattr(sys.modules.get('__main__'), '__file__', None)
    if not path or HELP.isdisjoint(sys.argv[1:]):
        return
    try:
        tree = ast.parse(Path(path).read_text(encoding='utf-8'))
        experiment = signature_of(tree)
    except Exception:
        return
    if experiment is not None:
        from dljax.cli.flags import parse_words

        if hasattr(signal, 'SIGPIPE'):  # the reader, such as head, may leave early
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        parse_words(
            experiment,
            None,
            program=Path(path).name,
            description=ast.get_docstring(tree) or '',
        )


def signature_of(tree: ast.Module) -> Any:
    """Make the function that a script hands to `command`, without its body.

    Args:
        tree: of the script, at whose end stands `command(NAME)`.

    Returns:
        The function, with its docstring, or None where nothing is handed to `command`.

    Raises:
        NameError: where its signature needs something that is imported from elsewhere
            than the standard library, or computed.
    """
    called = [
        node.args[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == 'command'
        and node.args
        and isinstance(node.args[0], ast.Name)
    ]
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in called:
            node.body, node.returns = node.body[:1], None
            node.decorator_list = []
            _run(node, found)
            return found[node.name]
        module = node.module if isinstance(node, ast.ImportFrom) else None
        if (module or '').split('.')[0] in sys.stdlib_module_names:
            _run(node, found)
        elif isinstance(node, ast.Assign):
            try:
                _run(node, found)
            except NameError:
                continue
    return None


def _run(node: ast.stmt, names: dict[str, Any]) -> None:
    exec(compile(ast.Module([node], []), '<signature>', 'exec'), names)
