"""The benchmarks: what they need, what they refuse, and the tables that they make."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import machine, results, table
from benchmarks.peers import cases, order

ROOT = Path(__file__).parent.parent
# What an environment for an accelerator may lack: neither is needed to train a step.
ABSENT = (
    'tyro grain tensorflow_datasets tensorflow matplotlib sklearn PIL tensorboardX '
    'h5py safetensors array_record'
)
BARE = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {ABSENT.split()}:
            raise ImportError(f'{{name}} is not there')
sys.meta_path.insert(0, Absent())
import json
from benchmarks import apart, peers, scaling, throughput, memory, cold_start
from benchmarks.step import measure
print(json.dumps(measure('mlp', batch=4, chunk=2, repeats=1, seconds=0.0)))
"""


def test_readme_has_the_tables_of_the_lines() -> None:
    text = table.README.read_text(encoding='utf-8')
    assert table.written(text) == text


def test_a_mark_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match='<!-- benchmark: peers -->'):
        table.written('nothing')


def test_the_last_line_of_each_kind_counts(tmp_path: Path) -> None:
    file = tmp_path / 'lines.jsonl'
    assert results.newest(file, ('case',)) == []
    for case, jax, value in (('a', 1, 1), ('b', 1, 2), ('a', 2, 3), ('a', 1, 4)):
        results.append(file, {'case': case, 'versions': {'jax': jax}, 'value': value})
    rows = results.newest(file, ('case', 'versions.jax'))
    assert [row['value'] for row in rows] == [4, 2, 3]


def test_a_busy_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.time, 'sleep', lambda seconds: None)
    for busy, loaded in ((0.2, False), (0.9, True)):
        seconds = iter([5.0, 5.0 + busy] * 2)
        monkeypatch.setattr(machine, '_busy', lambda seconds=seconds: next(seconds))
        assert machine.require_quiet(allow=True) == loaded
        if loaded:
            with pytest.raises(RuntimeError, match=r'0\.9 of its .* --allow-load'):
                machine.require_quiet()
    monkeypatch.setattr(machine, '_busy', lambda: None)
    assert not machine.require_quiet()


def test_every_bar_is_of_a_peer_and_batches_are_the_same_anew() -> None:
    for case in cases.CASES.values():
        assert set(case.bars) <= {'torch', 'keras', 'flax'}
    drawn = [cases.draw(cases.CASES['lstm']) for _ in range(2)]
    assert all((drawn[0][k] == drawn[1][k]).all() for k in ('input', 'label'))


def test_layers_come_in_the_order_of_their_calls() -> None:
    paths = (
        'discriminator/layer_1/norm/scale',
        'generator/output/conv/kernel',
        'discriminator/layer_1/conv/kernel',
        'generator/layer_0/conv/kernel',
    )
    weights = dict.fromkeys(paths, 0)
    found = [next(iter(group)) for group in order.groups(weights)]
    assert found == ['kernel', 'kernel', 'kernel', 'scale']


@pytest.mark.heavy
def test_a_step_is_measured_where_little_is_installed() -> None:
    done = subprocess.run(
        [sys.executable, '-c', BARE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    # Two layers: forwards once, backwards twice but for the first one's input.
    assert found['flops'] == 2 * 4 * (3 * 128 * 10 + 2 * 784 * 128)
    assert found['milliseconds'][0] > 0 and found['collectives'] == {}


@pytest.mark.heavy
@pytest.mark.parametrize(
    'words',
    [
        ['throughput', '--models', 'mlp', '--batch', '4', '--chunk', '2'],
        ['scaling', '--models', 'mlp', '--devices', '1', '2', '--batch', '4'],
        ['memory', '--model', 'resnet_cifar', '--batch', '4', '--parts', '2'],
        ['data', '--batch', '8'],
        ['cold_start', '--case', 'tiny_mlp', '--peers', 'flax'],
    ],
    ids=lambda words: words[0],
)
def test_a_benchmark_runs_and_leaves_a_line(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / 'lines.jsonl'
    command = [sys.executable, '-m', f'benchmarks.{words[0]}', *words[1:]]
    command += ['--results', str(file), '--repeats', '1', '--seconds', '0']
    done = subprocess.run(
        [*command, '--allow-load'], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows and all(row['versions']['jax'] and row['command'] for row in rows)


@pytest.mark.heavy
def test_plain_flax_is_compared(tmp_path: Path) -> None:
    file = tmp_path / 'lines.jsonl'
    command = [sys.executable, '-m', 'benchmarks.peers', '--allow-load', '--turns', '2']
    command += ['--cases', 'tiny_mlp', '--peers', 'flax', '--results', str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (row,) = map(json.loads, file.read_text().splitlines())
    assert row['losses']['flax'] == pytest.approx(row['losses']['dljax'], rel=1e-5)
    assert row['ratios']['flax'][0] > 0
