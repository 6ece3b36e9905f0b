"""Every file of a run, damaged in every way: found out, and never believed."""

import io
import json
import shutil
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optax
import pytest
from rich.console import Console

from dljax import create_model, data, run
from dljax.experiment import Experiment, Options, Report
from dljax.objectives import classify, score_classes
from dljax.training import Player
from dljax.types import named_leaves
from dljax.weights.runs import from_run
from tests.faults import running

STEPS, MORE = 40, 50


class Runs(NamedTuple):
    """Folders of runs that were left alone."""

    short: Path
    long: Path
    straight: Path


def experiment(steps: int) -> Experiment:
    """Learn a table, with a best checkpoint besides the last ones."""
    random = np.random.default_rng(0)
    features = random.normal(size=(96, 4)).astype(np.float32)
    table = {'features': features, 'label': (features.sum(1) > 0).astype(np.int32)}
    return Experiment(
        net=create_model('mlp', hidden=(4,), outputs=2),
        players={'main': Player(optax.adam(1e-2), loss=classify('features'))},
        source=data.resident(table, 16),
        steps=steps,
        data_summary='numbers (synthetic)',
        score=score_classes('features'),
        evaluation={'validation': table},
        evaluate_every=9,
        record_every=3,
        best='validation/loss',
        maximize=False,
    )


def go(folder: Path, steps: int) -> tuple[Report, str]:
    """Run quietly to so many steps, and give what was said."""
    said = io.StringIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        report = run(
            experiment(steps),
            folder,
            Options(chunk=1),
            arguments={'steps': steps},
            console=Console(file=said, width=200),
        )
    return report, said.getvalue() + '\n'.join(str(w.message) for w in caught)


def rows_of(folder: Path) -> list[dict[str, float]]:
    """Read the records as they stand, less the clock."""
    lines = (folder / 'metrics.jsonl').read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if k not in ('seconds', 'crc')}
        for line in lines
    ]


def arrays_of(variables: dict) -> dict[str, bytes]:
    return {k: np.asarray(v).tobytes() for k, v in named_leaves(variables).items()}


@pytest.fixture(scope='module')
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Leave a run at its end, the same run gone further, and one that went straight."""
    folder = tmp_path_factory.mktemp('runs')
    go(folder / 'short', STEPS)
    shutil.copytree(folder / 'short', folder / 'long')
    go(folder / 'long', MORE)
    go(folder / 'straight', MORE)
    return Runs(folder / 'short', folder / 'long', folder / 'straight')


def files_of(run: Path) -> list[Path]:
    """List what a restore or a resume may read, by its path in the run."""
    return sorted(
        path.relative_to(run)
        for path in run.rglob('*')
        if path.is_file()
        and path.stat().st_size
        and not {'events', 'pictures'} & set(path.relative_to(run).parts)
        and path.suffix not in ('.html', '.lock')
        and not path.name.startswith('.')
    )


def flip(path: Path, random: np.random.Generator) -> str:
    content = bytearray(path.read_bytes())
    bit = int(random.integers(8 * len(content)))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    return f'bit {bit}'


def truncate(path: Path, random: np.random.Generator) -> str:
    size = int(random.integers(path.stat().st_size))
    path.write_bytes(path.read_bytes()[:size])
    return f'cut to {size} bytes'


def remove(path: Path, random: np.random.Generator) -> str:
    path.unlink()
    return 'removed'


WAYS = {'flip': flip, 'truncate': truncate, 'remove': remove}


def judge(runs: Runs, damaged: Path) -> str:
    """Read and continue a damaged run: right values, or words, never wrong ones."""
    short, long, straight = runs
    good = {
        int(path.name): arrays_of(from_run(short, int(path.name)))
        for path in (short / 'checkpoints').iterdir()
        if path.name.isdigit()
    }
    outcome = []
    for which in ('last', 'best', *good):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                got = arrays_of(from_run(damaged, which))
        except (ValueError, OSError):
            outcome.append('refused')
        else:
            allowed = good.values() if isinstance(which, str) else [good[which]]
            assert got in list(allowed), f'from_run gives wrong values for {which}'
            outcome.append('read')
    try:
        report, _ = go(damaged, MORE)
    except (ValueError, OSError):
        return 'refused'
    assert report.step == MORE
    assert arrays_of(from_run(damaged)) == arrays_of(from_run(long))
    # From a checkpoint before the end of the first part, rows begin where they would
    # have without an end there.
    wanted = rows_of(long) + rows_of(straight)
    assert all(row in wanted for row in rows_of(damaged)), 'a row was changed'
    result = json.loads((damaged / 'result.json').read_text())['metrics']
    right = json.loads((long / 'result.json').read_text())['metrics']
    known = {k: v for k, v in result.items() if not k.startswith('best/')}
    assert all(right[k] == v for k, v in known.items()), 'a metric was changed'
    return 'went on' if 'refused' not in outcome else 'went on without what is damaged'


def damage(runs: Runs, folder: Path, way: str, trials: int, seed: int) -> Counter:
    """Damage one file after the other in one way, and judge each."""
    files, random, counts = files_of(runs.short), np.random.default_rng(seed), Counter()
    for trial in range(trials):
        relative = files[(trial + seed) % len(files)]
        shutil.copytree(runs.short, folder / 'damaged')
        how = WAYS[way](folder / 'damaged' / relative, random)
        try:
            counts[judge(runs, folder / 'damaged')] += 1
        except BaseException as error:
            raise AssertionError(f'{relative}, {how}: {error}') from error
        shutil.rmtree(folder / 'damaged')
    return counts


@pytest.mark.faults
@pytest.mark.parametrize('seed', range(4))
def test_a_flipped_bit_is_never_believed(
    runs: Runs, tmp_path: Path, seed: int, note: running.Note
) -> None:
    count = max(25, -(-len(files_of(runs.short)) // 4))
    note(f'{count} flips', dict(damage(runs, tmp_path, 'flip', count, seed * count)))


@pytest.mark.faults
@pytest.mark.parametrize('way', ['truncate', 'remove'])
def test_a_file_that_is_cut_or_gone_is_never_believed(
    runs: Runs, tmp_path: Path, way: str, note: running.Note
) -> None:
    files = len(files_of(runs.short))
    note(f'{way}, each of {files} files', dict(damage(runs, tmp_path, way, files, 0)))


@pytest.mark.heavy
@pytest.mark.parametrize('way', WAYS)
def test_a_few_damaged_files_are_never_believed(
    runs: Runs, tmp_path: Path, way: str
) -> None:
    damage(runs, tmp_path, way, 4, seed=11)
