"""Train steps that are compiled for chips, and the record of them."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.experimental.topologies
import pytest

from dljax.aot import (
    CHIPS,
    append,
    changes,
    compile_ahead,
    devices,
    markdown,
    prepare,
    read_records,
    read_topology,
)
from dljax.aot.compile import _lacking
from dljax.aot.several import MEMBERS
from dljax.cli.aot import aot
from dljax.zoo import row

ROOT = Path(__file__).parents[2]
OFTEN = {'resnet_cifar', 'character_lstm'}
assert set(MEMBERS) >= OFTEN


@pytest.fixture(scope='module')
def figures():
    topology = read_topology('cpu:2')
    prepare(topology)
    return compile_ahead('mlp', topology, batch=6, hidden=(8,))


def test_the_cost_of_a_small_net_are_those_by_hand(figures):
    assert (figures['chips'], figures['parameters']) == (2, 784 * 8 + 8 + 8 * 10 + 10)
    # Three products a weight matrix, less that for the gradient of the pixels.
    assert figures['flops'] == 3 * 2 * (2 * 784 * 8 + 3 * 8 * 10)
    kinds = figures['collectives']
    assert set(kinds) == {'all-reduce'}
    gradient = 4 * figures['parameters']
    assert gradient <= kinds['all-reduce']['bytes'] <= gradient + 64
    state = 4 * 3 * figures['parameters']  # and the two moments of Adam
    assert figures['peak_bytes'] > state
    assert figures['fits'] is None and figures['roofline_seconds'] is None
    assert figures['unknown_loops'] == []


def test_the_default_batch_is_that_of_the_recipe_for_each_chip(figures):
    with pytest.raises(ValueError, match='batch of 3 does not divide over 2 devices'):
        compile_ahead('xor_2_2_1', read_topology('cpu:2'), batch=3)
    found = compile_ahead('xor_2_2_1', read_topology('cpu:2'))
    assert found['batch'] == 2 * 4


@pytest.mark.parametrize(
    'name', ['v5e', 'v5e:', 'v5e:2x', 'v9:2x2', 'cpu:2x2', 'cpu:0', 'h100:2x4']
)
def test_a_topology_that_is_none_is_answered_with_those_there_are(name):
    with pytest.raises(ValueError, match='only those such as v5e:2x2'):
        read_topology(name)


def test_every_chip_tells_where_its_figures_stand():
    for chip in CHIPS.values():
        assert read_topology(chip.form).chip == chip
        assert chip.name == 'cpu' or chip.source.startswith('https://')


def test_more_devices_than_there_are_name_the_remedy():
    with pytest.raises(ValueError, match='JAX_NUM_CPU_DEVICES=64'):
        devices(read_topology('cpu:64'))


def test_a_compiler_that_refuses_is_told_with_what_to_do(monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError('ABORTED: the lock is held\nby process 7')

    monkeypatch.setattr(jax.experimental.topologies, 'get_topology_desc', refuse)
    with pytest.raises(ValueError, match='one process at a time .*: ABORTED: .* held$'):
        devices(read_topology('v5e:2x2'))


@pytest.mark.parametrize(('name', 'extra'), [('v5e:2x2', 'tpu'), ('h100:4', 'cuda')])
def test_without_the_compiler_of_the_chips_the_extra_is_named(name, extra, monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ImportError, match=rf"pip install 'dljax\[{extra}\]'"):
        prepare(read_topology(name))


def test_lines_are_read_back_compared_and_shown(figures, tmp_path):
    path = tmp_path / 'new' / 'aot.jsonl'
    assert read_records(path) == []
    append(path, figures, 'dljax aot --model=mlp')
    append(path, {'model': 'big', 'topology': 'v5e:2x2', 'error': 'why'}, 'dljax aot')
    first, second = read_records(path)
    assert first['versions']['jax'] == jax.__version__ and 'commit' in first
    assert changes(figures, [first]) == {}
    more = figures | {'peak_bytes': int(1.04 * figures['peak_bytes']), 'flops': 1}
    assert changes(more, [first]) == {'flops': (figures['flops'], 1)}
    with pytest.raises(ValueError, match='nothing is recorded of model mlp.*batch 7'):
        changes(figures | {'batch': 7}, [first])
    table = markdown([first, first, second]).splitlines()
    assert len(table) == 4 and '| why |' in table[3]
    assert table[2].startswith('| mlp hidden=(8,) | cpu:2 | 6 float32 | 6,370 |')
    path.write_text('{')
    with pytest.raises(ValueError, match='line 1 is no JSON'):
        read_records(path)


def test_a_change_of_more_than_a_twentieth_ends_with_three(figures, tmp_path, capsys):
    path = tmp_path / 'aot.jsonl'
    options = {'model': 'mlp', 'topology': 'cpu:2', 'batch': 6}
    options |= {'settings': ('hidden=(8,)',)}
    aot(**options, results=path)
    assert 'FLOP' in capsys.readouterr().out
    aot(**options, compare=path)
    assert 'no memory and no FLOPs differ' in capsys.readouterr().out
    line = json.loads(path.read_text())
    path.write_text(json.dumps(line | {'flops': 2 * line['flops']}))
    with pytest.raises(SystemExit) as end:
        aot(**options, results=path, compare=path)  # not with the line that it adds
    assert end.value.code == 3 and '-50.0%' in capsys.readouterr().out


def test_what_is_asked_for_must_be_one_thing():
    for options in ({}, {'model': 'mlp', 'every': True}):
        with pytest.raises(ValueError, match='exactly one of --model'):
            aot(**options)
    with pytest.raises(ValueError, match='give --results FILE'):
        aot(every=True)
    for option in ('table', 'compare'):
        with pytest.raises(ValueError, match='there is no none.jsonl'):
            model = {} if option == 'table' else {'model': 'mlp'}
            aot(**model, **{option: Path('none.jsonl')})
    with pytest.raises(ValueError, match='of one model'):
        aot(family_members=True, settings=('classes=3',))


def test_the_members_are_one_of_each_family():
    families = {row(name).constructor.__module__.split('.')[2] for name in MEMBERS}
    assert len(families) == len(MEMBERS) == 11


def test_what_does_not_fit_is_an_answer_and_no_failure(figures):
    said = (
        'RESOURCE_EXHAUSTED: E1000: CompileTimeHbmOom: Ran out of memory on HBM, the '
        'total memory required (16.50G) exceeds available HBM (15.75G). HLO module: x'
    )
    for error in (said, 'RESOURCE_EXHAUSTED: Used 16.50G of 15.75G hbm.\nMore'):
        assert _lacking(error)['peak_bytes'] == 33 * 2**29
    assert _lacking('RESOURCE_EXHAUSTED: otherwise') == {
        'error': 'RESOURCE_EXHAUSTED: otherwise'
    }
    line = figures | {'flops': None, 'fits': False, **_lacking(said)}
    line |= {'memory_bytes': 2**34, 'topology': 'v5e:2x2'}
    row = markdown([line]).splitlines()[-1]
    assert '| 6,370 | 16.5 GiB of 16 GiB, does not fit |' in row


@pytest.mark.heavy
def test_several_models_go_on_and_a_failure_is_a_line(tmp_path, monkeypatch, capsys):
    module = importlib.import_module('dljax.aot.several')
    monkeypatch.setattr(module, 'MEMBERS', ('xor_2_2_1', 'mlp'))
    path = tmp_path / 'aot.jsonl'
    options = {'family_members': True, 'topology': 'cpu:2', 'results': path}
    with pytest.raises(SystemExit):
        aot(**options, batch=3)
    assert ['does not divide' in line['error'] for line in read_records(path)] == [
        True,
        True,
    ]
    aot(**options, batch=4)
    assert [line.get('flops', 0) > 0 for line in read_records(path)] == [
        False,
        False,
        True,
        True,
    ]
    monkeypatch.setattr(
        'dljax.aot.several.commit', lambda: read_records(path)[-1]['commit']
    )
    capsys.readouterr()
    aot(**options, batch=4)
    assert len(read_records(path)) == 4
    assert capsys.readouterr().err.count('there already') == 2


@pytest.mark.parametrize(
    'model',
    [
        pytest.param(
            model, marks=pytest.mark.heavy if model in OFTEN else pytest.mark.exhaustive
        )
        for model in MEMBERS
    ],
)
def test_a_member_of_each_family_is_compiled_over_four_devices(model):
    """In a process of its own, as the command line does it; also split by FSDP."""
    command = [sys.executable, '-m', 'dljax', 'aot', '--model', model]
    command += ['--topology', 'cpu:4', '--fsdp', '2', '--precision', 'bfloat16']
    if model == 'unet':  # whole, it takes the CPU's compiler minutes
        command += ['--settings', 'depth=1', 'width=8']
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert 'FLOP' in done.stdout and 'counted once' not in done.stdout
