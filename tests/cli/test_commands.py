"""The command line, as its user meets it."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dljax import pictures, zoo
from dljax.cli import command
from dljax.cli.main import main

ROOT = Path(__file__).parents[2]
LENET = ROOT / 'experiments/convolutional/lenet_digits.py'
GATES = """
import numpy as np
import optax
from dljax import data, zoo
from dljax.cli import command
from dljax.experiment import Experiment
from dljax.objectives import classify, score_classes
from dljax.training import Player


def experiment(
    *, gate: str = 'or', steps: int = 6, widths: tuple[int, ...] = (3,)
) -> Experiment:
    '''A gate.

    Args:
        gate: which one.
        steps: updates in all.
        widths: of the hidden layers.
    '''
    table = data.truth_table(gate)
    return Experiment(
        net=zoo.create_model('mlp', hidden=widths, outputs=2),
        players={'classifier': Player(optax.sgd(.1), loss=classify('features'))},
        source=data.resident(table),
        steps=steps,
        data_summary='a gate (synthetic)',
        score=score_classes('features'),
        evaluation={'train': table},
    )


if __name__ == '__main__':
    command(experiment)
"""


@pytest.fixture(autouse=True)
def _words_for_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the runs the second that drawing the curves takes."""
    monkeypatch.setattr(pictures, 'curves', lambda outcome: 'curves')


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / 'family' / 'gate.py'
    path.parent.mkdir()
    path.write_text(GATES)
    return path


def function(script: Path) -> object:
    import importlib.util

    spec = importlib.util.spec_from_file_location('gate', script)
    module = importlib.util.module_from_spec(spec)
    sys.modules['gate'] = module
    spec.loader.exec_module(module)
    return module.experiment


def test_the_signature_makes_the_flags_and_its_values_a_folder(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(script.parent.parent)
    words = '--gate xor --steps 4 --widths 5 6 --members 2 --seed 3 --chunk 1'
    report = command(function(script), words.split())
    assert report.step == 4
    assert report.workdir == script.parent.parent / 'runs/family/gate'
    config = json.loads((report.workdir / 'config.json').read_text())
    assert config['experiment'] == 'family/gate'
    assert config['arguments'] == {'gate': 'xor', 'steps': 4, 'widths': [5, 6]}
    assert config['options']['members'] == 2 and config['options']['seed'] == 3
    again = command(function(script), [*words.split(), '--seed', '4'])
    assert again.workdir == script.parent.parent / 'runs/family/gate-2'
    said = 'gate holds another run (options.seed: there 3, now 4): this one has'
    assert said in capsys.readouterr().out


def test_help_shows_every_argument_with_its_words(
    script: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as end:
        command(function(script), ['--help'])
    text = ' '.join(capsys.readouterr().out.split())
    assert end.value.code == 0
    for words in ('--widths', 'of the hidden layers', '--members', '--no-resume'):
        assert words in text


def test_a_typo_names_the_nearest_flag(
    script: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as end:
        command(function(script), ['--widhts', '3'])
    output = capsys.readouterr()
    assert end.value.code == 2
    assert '--widths' in output.err + output.out


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ('--members 0', 'members=0, wanted 1 or more'),
        ('--gate nor', "gate is 'nor'"),
        ('--steps 0', 'steps=0, wanted 1 or more'),
    ],
)
def test_an_error_is_one_clear_line_without_a_traceback(
    script: Path, words: str, message: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as end:
        command(function(script), [*words.split(), '--workdir', str(script.parent)])
    text = capsys.readouterr().err
    assert end.value.code == 1
    assert message in text and text.startswith('gate.py: ')
    assert 'Traceback' not in text


@pytest.mark.parametrize(
    ('line', 'kind', 'message'),
    [
        ('optax.schedules.cosine_decay_schedule(1.0, -1)', ValueError, 'decay_steps'),
        # JAX takes its frames out of the traceback, so that ours is the last one.
        ('jax.numpy.ones(2) + jax.numpy.ones(3)', TypeError, 'incompatible shapes'),
        ('jax.numpy.ones(4).reshape(3)', TypeError, 'reshape'),
        # A function in C has no frame at all.
        ('int("three")', ValueError, 'invalid literal'),
    ],
)
def test_what_no_line_of_ours_refuses_keeps_its_traceback(
    script: Path, line: str, kind: type, message: str
) -> None:
    text = GATES.replace('    table = ', f'    import jax\n    {line}\n    table = ')
    script.write_text(text)
    with pytest.raises(kind, match=message):
        command(function(script), ['--workdir', str(script.parent / 'run')])
    assert not (script.parent / 'run').exists()


def refused(script: Path, words: list[str], capsys: pytest.CaptureFixture) -> str:
    """Run a command that is to be refused, and give the line that it says."""
    with pytest.raises(SystemExit) as end:
        command(function(script), words)
    said = capsys.readouterr()
    assert end.value.code == 1 and 'updates made' not in said.out
    assert said.err.startswith('gate.py: ') and 'Traceback' not in said.err
    return said.err


def test_paths_that_cannot_be_used_are_refused_in_one_line(
    script: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / 'file').write_text('mine')
    (tmp_path / 'loop').symlink_to(tmp_path / 'loop')
    (tmp_path / 'text.jsonl').write_bytes(b'\xff\xfe')
    (tmp_path / 'list.jsonl').write_text('[1]\n')
    before = sorted(tmp_path.iterdir())
    run = ['--workdir', str(tmp_path / 'run')]
    cases = [
        (['--workdir', f'{tmp_path}/file'], 'file is a file, wanted a folder'),
        (['--workdir', f'{tmp_path}/file/run'], 'a part of the path is a file'),
        (['--workdir', f'{tmp_path}/{"n" * 300}'], 'the name is too long'),
        (['--workdir', f'{tmp_path}/loop'], 'lead in a circle'),
        ([*run, '--results', str(tmp_path)], 'is a folder, wanted a file'),
        ([*run, '--results', f'{tmp_path}/no/a'], 'there is no such folder'),
        ([*run, '--results', f'{tmp_path}/text.jsonl'], 'line 1 is no JSON'),
        ([*run, '--results', f'{tmp_path}/list.jsonl'], 'line 1 is none of a ledger'),
        ([*run, '--seed', str(10**30)], 'wanted 0 or more, below 2**32'),
    ]
    for words, message in cases:
        said = refused(script, words, capsys)
        assert message in said and said.count('\n') == 1, said
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ('number', 'message'),
    [
        (errno.EACCES, 'run: permission denied: choose another place'),
        (errno.EROFS, 'run: the file system can only be read'),
        (errno.ENOSPC, 'run: the disk is full, or a limit is reached: '),
    ],
)
def test_what_the_system_answers_is_told_with_what_mends_it(
    script: Path,
    number: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def mkdir(self: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, 'mkdir', mkdir)  # root may write anywhere
    words = ['--workdir', str(script.parent / 'run')]
    said = refused(script, words, capsys)
    assert message in said
    assert ('bytes are free there, wanted more' in said) == (number == errno.ENOSPC)


def test_a_signal_while_reading_data_ends_the_command_in_one_line(
    script: Path, capsys: pytest.CaptureFixture
) -> None:
    text = GATES.replace(
        '    table = ',
        '    import os, signal\n    os.kill(os.getpid(), signal.SIGTERM)\n    table = ',
    )
    script.write_text(text)
    with pytest.raises(SystemExit) as end:
        command(function(script), ['--workdir', str(script.parent / 'run')])
    assert end.value.code == 143
    said = 'gate.py: SIGTERM: ended, nothing was lost: the same command'
    assert capsys.readouterr().err.startswith(said)
    assert not (script.parent / 'run').exists()


@pytest.mark.heavy
def test_a_signal_in_the_last_round_is_the_exit_code(
    script: Path, capsys: pytest.CaptureFixture
) -> None:
    text = GATES.replace('        steps=steps,', '        steps=steps, along=ALONG,')
    along = """
import os, signal
ALONG = {'It': lambda outcome: os.kill(os.getpid(), signal.SIGINT) or 'drawn'}
"""
    script.write_text(along + text.replace('steps: int = 6', 'steps: int = 1'))
    with pytest.raises(SystemExit) as end:
        command(function(script), ['--workdir', str(script.parent / 'run')])
    assert end.value.code == 130
    output = capsys.readouterr()
    assert 'SIGINT at step 1: saved' in output.out and output.err == ''


def test_results_without_a_folder_are_refused_before_training(
    script: Path, capsys: pytest.CaptureFixture
) -> None:
    words = f'--workdir {script.parent / "run"} --results {script.parent}/no/such.jsonl'
    with pytest.raises(SystemExit):
        command(function(script), words.split())
    assert 'no such folder' in capsys.readouterr().err
    assert not (script.parent / 'run').exists()


def test_an_argument_named_as_an_option_is_refused(script: Path) -> None:
    script.write_text(GATES.replace('widths', 'members'))
    with pytest.raises(ValueError, match='members.*flags of every experiment'):
        command(function(script), [])


def test_the_zoo_is_listed(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, 'argv', ['dljax', 'zoo', 'lenet*'])
    main()
    text = capsys.readouterr().out
    assert 'lenet5_1998' in text and '61,706' in text and 'tutorial' not in text
    assert 'convolutional' in text and 'LeCun' not in text


def test_the_zoo_fits_a_terminal_and_no_address_is_cut_off(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('COLUMNS', '80')
    monkeypatch.setattr(sys, 'argv', ['dljax', 'zoo'])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 1.5 * len(zoo.list_models()) and max(map(len, lines)) <= 80
    monkeypatch.setattr(sys, 'argv', ['dljax', 'zoo', '--papers', 'acgan'])
    main()
    joined = ''.join(line.strip() for line in capsys.readouterr().out.splitlines())
    assert zoo.row('acgan').paper.split()[-1] in joined and '…' not in joined


def test_a_model_is_described_with_its_settings(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, 'argv', ['dljax', 'describe', 'lenet5', 'classes=7'])
    main()
    text = capsys.readouterr().out
    assert 'conv_0' in text and '61,451' in text


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['describe', 'lenet'], 'did you mean lenet5'),
        (['describe', 'lenet5', 'clases=7'], 'no setting'),
        (['describe', 'lenet5', 'classes'], 'wanted NAME=VALUE'),
        (['describe', 'lenet5', 'classes=seven'], 'no Python number'),
        (['zoo', 'resnot*'], 'no model matches'),
    ],
)
def test_a_wrong_question_gets_a_clear_answer(
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, 'argv', ['dljax', *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert message in capsys.readouterr().err


@pytest.mark.heavy
def test_the_ledger_becomes_a_page(
    tmp_path: Path, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / 'results.jsonl'
    words = f'--widths 5 6 --members 2 --chunk 1 --workdir {tmp_path / "run"}'
    words += f' --results {ledger}'
    command(function(script), words.split())
    monkeypatch.setattr(sys, 'argv', ['dljax', 'results', str(tmp_path)])
    main()
    page = (tmp_path / 'README.md').read_text()
    assert '**family/gate**' in page and 'train/accuracy' in page and '±' in page
    said = 'python experiments/family/gate.py --gate or --steps 6 --widths 5 6'
    assert f'{said} --seed 0' in page


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'\xff\xfe', 'line 1 is no JSON'),
        (b'[1]', 'line 1 is none of a ledger'),
        (b'{"experiment": 3}', 'line 1 is none of a ledger'),
    ],
)
def test_a_file_that_is_no_ledger_makes_no_page(
    content: bytes,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    (tmp_path / 'results.jsonl').write_bytes(content)
    monkeypatch.setattr(sys, 'argv', ['dljax', 'results', str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1 and message in capsys.readouterr().err
    assert not (tmp_path / 'README.md').exists()


@pytest.mark.faults
def test_sigterm_leaves_a_run_that_the_same_command_ends(tmp_path: Path) -> None:
    words = [sys.executable, str(LENET), '--steps', '60', '--batch-size', '16']
    environment = {**os.environ, 'JAX_NUM_CPU_DEVICES': '1'}

    def start(name: str) -> subprocess.Popen:
        return subprocess.Popen(
            [*words, '--workdir', str(tmp_path / name)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def end(process: subprocess.Popen) -> tuple[int, str]:
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    assert end(start('whole'))[0] == 0
    part = start('part')
    records = tmp_path / 'part/metrics.jsonl'
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if records.exists() and len(records.read_text().splitlines()) > 8:
            break
        time.sleep(0.02)
    part.send_signal(signal.SIGTERM)
    code, output = end(part)
    assert code == 128 + signal.SIGTERM and 'SIGTERM' in output
    code, output = end(start('part'))
    assert code == 0 and 'resuming' in output
    rows = [
        [
            {k: v for k, v in json.loads(line).items() if k != 'seconds'}
            for line in (tmp_path / name / 'metrics.jsonl').read_text().splitlines()
        ]
        for name in ('whole', 'part')
    ]
    assert rows[0] == rows[1] and len(rows[0]) == 60
