"""The folder of a run is whole, or what is not is named."""

import json
import random
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from matplotlib.figure import Figure
from rich.console import Console

from dljax import data, pictures, run
from dljax.cli.verify import verify as command
from dljax.experiment import Experiment, Options
from dljax.host.sealing import seal
from dljax.runs.verify import Finding, verify
from dljax.training import Player
from dljax.types import Array

POINTS = {'x': np.arange(8, dtype=np.float32)[:, None]}
# What nobody reads: a sentence, and the moment of a commit.
FREE = ('commit_success.txt', '_CHECKPOINT_METADATA')


def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    return jnp.mean(net(batch['x']) ** 2), {}


def score(net: nn.Module, batch: dict, step: Array) -> dict[str, Array]:
    return {'loss': net(batch['x'])[:, 0] ** 2}


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has ended, to be copied."""
    folder = tmp_path_factory.mktemp('whole') / 'run'
    experiment = Experiment(
        net=nn.Dense(1),
        players={'net': Player(optax.sgd(0.01), loss=loss)},
        source=data.resident(POINTS),
        steps=4,
        data_summary='points (synthetic)',
        score=score,
        evaluation={'validation': POINTS},
        best='validation/loss',
        maximize=False,
        evaluate_every=2,
        along={'Poem': lambda outcome: f'after {outcome.state.step}'},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, 'curves', lambda outcome: Figure((1, 1)))
        run(experiment, folder, Options(chunk=1), console=Console(quiet=True))
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / 'run')


def files(folder: Path) -> list[str]:
    paths = sorted(p for p in folder.rglob('[!.]*') if p.is_file())
    return [p.relative_to(folder).as_posix() for p in paths]


def bad(folder: Path) -> list[Finding]:
    return [finding for finding in verify(folder) if finding.bad]


def test_a_whole_run_is_whole_and_nothing_is_changed(whole: Path) -> None:
    before = {name: (whole / name).stat().st_mtime_ns for name in files(whole)}
    found = {what: (state, why) for what, state, why in verify(whole)}
    assert {state for state, _ in found.values()} == {'ok'}
    assert found['metrics.jsonl'] == ('ok', '4 rows')
    names = {'config.json', 'result.json', 'checkpoints/2', 'checkpoints/4'}
    drawn = {'report.html', 'pictures/curves.png', 'pictures/poem/000000002.txt'}
    assert names | drawn < found.keys()
    assert any(name.startswith('events/') for name in found)
    assert {n: (whole / n).stat().st_mtime_ns for n in files(whole)} == before


def related(name: str, findings: list[Finding]) -> bool:
    """Whether what is found is said of the file, or of what it is part of."""
    parts = {'metrics.crc32': 'metrics.jsonl'}
    whats = {finding.what for finding in findings}
    return any(
        name.startswith(what) or parts.get(name) == what or what.startswith(name)
        for what in whats
    )


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('damage', ['flip', 'cut', 'empty', 'remove', 'folder'])
def test_damage_of_any_file_is_found_and_named(copy: Path, damage: str) -> None:
    draw = random.Random(damage)
    names = [n for n in files(copy) if not n.endswith(FREE) and 'ints/2/' not in n]
    assert len(names) > 20
    for name in names:
        path, content = copy / name, (copy / name).read_bytes()
        changed = bytearray(content)
        if damage == 'flip':
            changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
            path.write_bytes(changed)
        elif damage == 'cut':
            path.write_bytes(content[:-2])
        elif damage == 'empty':
            path.write_bytes(b'')
        else:
            path.unlink()
        if damage == 'folder':
            path.mkdir()
        found = bad(copy)
        assert found and related(name, found), (name, found)
        if damage == 'folder':
            path.rmdir()
        path.write_bytes(content)
    assert not bad(copy)


def test_a_run_that_has_not_ended_is_told_as_such(copy: Path) -> None:
    for name in ('result.json', 'report.html'):
        (copy / name).unlink()
    shutil.rmtree(copy / 'pictures')
    (copy / 'checkpoints/4').rename(copy / 'checkpoints/4.damaged')
    found = verify(copy)
    assert not any(finding.bad for finding in found)
    assert Finding('result.json', 'note', 'the run has not ended yet') in found
    assert Finding('checkpoints/4.damaged', 'note', 'no checkpoint') in found


def test_what_the_result_tells_of_is_missed(copy: Path) -> None:
    shutil.rmtree(copy / 'checkpoints/4')
    assert [finding.what for finding in bad(copy)] == ['checkpoints/4']
    shutil.rmtree(copy / 'checkpoints')
    assert {finding.what for finding in bad(copy)} == {'checkpoints/4', 'checkpoints'}


def test_a_record_that_lacks_a_row_is_damaged(copy: Path) -> None:
    lines = (copy / 'metrics.jsonl').read_bytes().splitlines(keepends=True)
    (copy / 'metrics.jsonl').write_bytes(b''.join(lines[:1] + lines[2:]))
    (finding,) = bad(copy)
    assert finding == ('metrics.jsonl', 'damaged', '1 rows are missing')


def test_a_run_of_an_earlier_version_is_whole_as_far_as_can_be_told(copy: Path) -> None:
    for name in ('config.json', 'result.json'):
        content = json.loads((copy / name).read_text())
        former = {
            k: v for k, v in content.items() if k not in ('seal', 'files', 'best')
        }
        (copy / name).write_text(json.dumps(former))
    (copy / 'metrics.crc32').unlink()
    for step in ('2', '4'):
        path = copy / 'checkpoints' / step / 'header/metadata'
        header = json.loads(path.read_text())
        former = ('notes', 'shapes', 'sha256', 'metrics')
        path.write_text(json.dumps({name: header[name] for name in former}))
        (copy / 'checkpoints' / step / 'files.json').unlink()
    found = verify(copy)
    assert not any(finding.bad for finding in found)
    assert sum('by an earlier version' in why for _, _, why in found) == 5
    (copy / 'report.html').unlink()
    assert [finding.what for finding in bad(copy)] == ['report.html']


@pytest.mark.parametrize('place', ['none', '.'])
def test_what_is_no_run_is_told_as_such(tmp_path: Path, place: str) -> None:
    (finding,) = verify(tmp_path / place)
    assert finding.bad and 'no' in finding.why


def test_the_command_prints_a_line_for_each_and_exits_with_one_for_damage(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(copy)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(verify(copy)) + 1
    assert lines[0] == f'{"config.json":30} ok' and lines[-1].endswith(': whole')
    path = copy / 'result.json'
    path.write_text(path.read_text().replace('"step": 4', '"step": 5'))
    with pytest.raises(SystemExit) as caught:
        command(copy)
    assert caught.value.code == 1
    assert 'result.json                    damaged: ' in capsys.readouterr().out


def test_a_seal_holds_for_the_content_and_not_for_the_layout() -> None:
    assert seal({'a': 1, 'b': [2.5]}) == seal({'b': [2.5], 'a': 1})
    assert seal({'a': 1}) != seal({'a': 2}) and seal({'a': 1}) != seal({'b': 1})
