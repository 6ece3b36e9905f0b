"""Which room may import which: the architecture, enforced."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / 'dljax'
# A room imports rooms of lower floors only, for types too; `dljax/__init__.py` and
# `__main__.py`, which belong to none, hand on what is asked for.
FLOORS = (
    ('types', 'host'),
    ('kernels',),
    ('layers', 'losses', 'metrics', 'rules', 'environments'),
    ('models', 'training', 'data', 'decoding'),
    ('zoo', 'objectives', 'explain'),
    ('recipes', 'weights'),
    ('experiment',),
    ('measures',),
    ('pictures',),
    ('runs',),
    ('export', 'aot'),
    ('cli',),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
REFERENCE = PACKAGE / 'weights/reference.py'  # imports peers when it is called
PEERS = {'tensorflow', 'torch', 'torchvision', 'keras', 'jaxlib', 'haiku', 'equinox'}


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


FILES = {module(path): path for path in sorted(PACKAGE.rglob('*.py'))}


def room(name: str) -> str:
    return f'{name}.'.split('.')[1]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: a relative import'
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


IMPORTS = {name: set(imports(path)) for name, path in FILES.items()}


def test_a_room_imports_from_lower_floors_only() -> None:
    assert {room(name) for name in FILES} - {'', '__main__'} == FLOOR.keys()
    wrong = [
        f'{name} imports {what}'
        for name, found in IMPORTS.items()
        if (here := room(name)) in FLOOR
        for what in found
        if what.split('.')[0] == 'dljax'
        and (there := room(what)) != here
        and FLOOR.get(there, len(FLOORS)) >= FLOOR[here]
    ]
    assert not wrong


def test_no_files_import_each_other_in_a_circle() -> None:
    below = {
        name: {part for what in found if (part := home(what)) not in (None, name)}
        for name, found in IMPORTS.items()
    }
    while free := {name for name, needed in below.items() if not needed}:
        below = {
            name: needed - free for name, needed in below.items() if name not in free
        }
    assert not below


def home(name: str) -> str | None:
    """Tell in which file of the package lies what is imported."""
    parent = name.rpartition('.')[0]
    return name if name in FILES else parent if parent in FILES else None


def test_peers_and_what_is_above_the_package_are_not_imported() -> None:
    wrong = [
        f'{name} imports {what}'
        for name, found in IMPORTS.items()
        for what in found
        if (first := what.split('.')[0]) in {'experiments', 'benchmarks', 'tests'}
        or (first in PEERS and FILES[name] != REFERENCE)
        or (first == 'optax' and room(name) in {'models', 'layers', 'kernels', 'zoo'})
    ]
    assert not wrong


def test_a_file_holds_one_idea() -> None:
    lengths = {
        name: len(path.read_text().splitlines())
        for name, path in FILES.items()
        if room(name) != 'zoo'
    }
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}


def test_the_learner_stays_short() -> None:
    assert len((PACKAGE / 'training/learner.py').read_text().splitlines()) < 150


def modules_after(code: str) -> set[str]:
    script = f'{code}; import sys; print(*sys.modules)'
    done = subprocess.run(
        [sys.executable, '-c', script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    return {name.split('.')[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.heavy
def test_importing_every_room_stays_light() -> None:
    rooms = (
        'zoo, data, objectives, training, experiment, cli, losses, metrics, rules, '
        'explain, Experiment, run'
    )
    loaded = modules_after(f'import dljax; from dljax import {rooms}')
    heavy = {'tensorflow', 'torch', 'matplotlib', 'tensorflow_datasets', 'grain'}
    assert not loaded & {*heavy, 'keras', 'sklearn', 'PIL'}


def test_help_is_answered_without_jax() -> None:
    loaded = modules_after(
        'import sys; sys.argv = ["dljax", "--help"]\n'
        'from dljax.cli.main import main\n'
        'try: main()\n'
        'except SystemExit: pass\n'
        'print()'
    )
    assert not loaded & {'jax', 'flax', 'orbax', 'optax', 'numpy'}


def test_no_import_starts_a_backend() -> None:
    """Otherwise `--devices` would come too late to set the number of devices."""
    names = [name for name in FILES if not name.endswith('__main__')]
    script = (
        'import importlib\n'
        f'for name in {names}: importlib.import_module(name)\n'
        'from jax._src import xla_bridge\n'
        'print(xla_bridge.backends_are_initialized())'
    )
    done = subprocess.run(
        [sys.executable, '-c', script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert done.stdout.split()[-1] == 'False'
