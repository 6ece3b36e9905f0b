"""Train steps of several models, each compiled in a process of its own."""

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dljax import zoo
from dljax.aot.records import Line, append, is_done, read_records
from dljax.aot.topology import prepare, read_topology
from dljax.host.machine import commit

# One of each family, small enough to be compiled in seconds.
MEMBERS = (
    'mlp',
    'lenet5',
    'resnet_cifar',
    'character_lstm',
    'dqn_atari',
    'rbm',
    'linear_discriminant_analysis',
    'self_organising_map',
    'dcgan_small',
    'vae',
    'unet',
)


def compile_each(
    names: tuple[str, ...] | None,
    topology: str,
    words: list[str],
    asked: Line,
    results: Path | None,
    timeout: float,
) -> Iterator[Line]:
    """Compile models one after the other, and give the last line of each.

    Args:
        names: of the models; None for all.
        topology: of the chips.
        words: of the command `dljax aot` for each, besides the name of its model.
        asked: what a line says of what is asked for; a line of this commit that says
            all of it is not compiled again.
        results: a file that the lines are appended to, if any.
        timeout: seconds for each.

    Yields:
        A line for each model: its cost, or the 'error'.
    """
    prepare(read_topology(topology))  # what is missing is told once, and at once
    names, at = names or tuple(zoo.list_models()), commit()
    with tempfile.TemporaryDirectory() as folder:
        path = results or Path(folder) / 'lines.jsonl'
        for number, name in enumerate(names, 1):
            one = {'model': name, 'topology': topology, **asked}
            say = f'{number} of {len(names)}: {name}'
            if is_done(read_records(path), one, at):
                print(f'{say}, there already', file=sys.stderr)
            else:
                print(say, file=sys.stderr)
                command = [sys.executable, '-m', 'dljax', 'aot', f'--model={name}']
                error = _failure(
                    [*command, *words, f'--results={path.absolute()}'], timeout
                )
                if error is not None:
                    line = shlex.join(['dljax', 'aot', f'--model={name}', *words])
                    append(path, {**one, 'error': error}, line)
            mine = [line for line in read_records(path) if _agrees(line, one)]
            yield mine[-1]


def _agrees(line: Line, one: Line) -> bool:
    return all(line.get(name) == value for name, value in one.items())


def _failure(command: list[str], timeout: float) -> str | None:
    """Run a command, and give the line that tells its error if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return f'took longer than {timeout:g} s'
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    telling = [
        line for line in lines if re.match(r'dljax: |[\w.]+(Error|Exit)\b', line)
    ]
    return (telling or lines or [f'ended with {done.returncode}'])[-1]
