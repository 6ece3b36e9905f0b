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
ALLOWED = {
    'types': set(),
    'host': set(),
    'kernels': {'types'},
    'layers': {'types', 'kernels'},
    'losses': {'types'},
    'metrics': {'types'},
    'rules': {'types'},
    'environments': {'types'},
    'models': {'types', 'kernels', 'layers'},
    'training': {'types', 'host', 'kernels'},
    'data': {'types', 'environments'},
    'zoo': {'types', 'models'},
    'weights': {'types', 'models'},
    'explain': {'types', 'layers', 'models'},
    'objectives': {
        'kernels',
        'types',
        'losses',
        'metrics',
        'rules',
        'environments',
        'training',
    },
}
TOP = {
    '__init__',
    '__main__',
    'alarms',
    'aot',
    'arguments',
    'assembly',
    'best',
    'choice',
    'cli',
    'commands',
    'configuration',
    'conversion',
    'ending',
    'experiment',
    'export',
    'facts',
    'judge',
    'kept',
    'ledger',
    'page',
    'pictures',
    'rebuilding',
    'recipes',
    'report',
    'rollback',
    'restored',
    'runs',
    'session',
    'verify',
    'vocabulary',
    'watch',
    'workdir',
}
REFERENCE = PACKAGE / 'weights/reference.py'  # imports peers when it is called
PEERS = {'tensorflow', 'torch', 'torchvision', 'keras', 'jaxlib', 'haiku', 'equinox'}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: a relative import'
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


FILES = sorted(PACKAGE.rglob('*.py'))


@pytest.mark.parametrize('path', FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_imports_from_lower_floors_only(path: Path) -> None:
    here = room(path)
    assert here in ALLOWED or here in TOP, f'no floor is set for {here}'
    for name in imports(path):
        parts = name.split('.')
        peer = parts[0] in PEERS and path != REFERENCE
        assert not peer, f'{path} imports {name}'
        if parts[0] == 'dljax' and here in ALLOWED and parts[1] != here:
            assert parts[1] in ALLOWED[here], f'{here} must not import {name}'
        if parts[0] == 'optax':
            assert here not in ('models', 'layers', 'zoo'), f'{path} imports {name}'
        if parts[0] in ('experiments', 'benchmarks', 'tests'):
            pytest.fail(f'{path} imports {name}, which is above the package')


def test_a_file_holds_one_idea() -> None:
    lengths = {p: len(p.read_text().splitlines()) for p in FILES if room(p) != 'zoo'}
    assert {path for path, lines in lengths.items() if lines > 300} == set()


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


def test_importing_every_room_stays_light() -> None:
    rooms = (
        'zoo, data, objectives, training, experiment, cli, losses, metrics, rules, '
        'explain'
    )
    loaded = modules_after(f'import dljax; from dljax import {rooms}')
    heavy = {'tensorflow', 'torch', 'matplotlib', 'tensorflow_datasets', 'grain'}
    assert not loaded & {*heavy, 'keras', 'sklearn', 'PIL'}


def test_help_is_answered_without_jax() -> None:
    loaded = modules_after(
        'import sys; sys.argv = ["dljax", "--help"]\n'
        'from dljax.commands import main\n'
        'try: main()\n'
        'except SystemExit: pass\n'
        'print()'
    )
    assert not loaded & {'jax', 'flax', 'orbax', 'optax', 'numpy'}


def test_no_import_starts_a_backend() -> None:
    """Otherwise `--devices` would come too late to set the number of devices."""
    names = [
        '.'.join(path.relative_to(ROOT).with_suffix('').parts)
        for path in FILES
        if path.stem != '__main__'
    ]
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
