"""Folders of runs: whose they are, who is in them, and what cannot be one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dljax.host.lock import locked
from dljax.runs.choice import folder_for
from dljax.runs.comparison import compare
from dljax.runs.workdir import Workdir, open_run, read_json, write_text
from dljax.training.header import make_header

ROOT = Path(__file__).parents[2]
CONFIG = {
    'model': {'': 'MLP', 'hidden': '(8,)'},
    'arguments': {'steps': 12, 'rate': 0.1},
    'options': {'seed': 0, 'members': 1, 'precision': 'float32'},
}


def began(path: Path, step: int = 4, **more: object) -> Path:
    """Leave what a run leaves that was killed after its first checkpoint."""
    Workdir(path, CONFIG | more, resume=True)
    (path / 'checkpoints' / str(step)).mkdir(parents=True)
    return path


def kept(path: Path) -> dict:
    config = json.loads((path / 'config.json').read_text())
    return {name: value for name, value in config.items() if name != 'seal'}


def test_a_fresh_folder_is_known_for_a_run_at_once(tmp_path: Path) -> None:
    with open_run(tmp_path / 'run', CONFIG, resume=True):
        assert kept(tmp_path / 'run') == CONFIG


@pytest.mark.parametrize(
    'left', ['checkpoints', 'events/a', 'metrics.jsonl', '.hidden', 'config.json']
)
def test_a_run_that_was_killed_before_it_saved_may_become_any(
    tmp_path: Path, left: str
) -> None:
    if left.startswith(('events', 'metrics', 'config')):
        Workdir(tmp_path, CONFIG, resume=True)
    if '.' not in left:
        (tmp_path / left).mkdir(parents=True)
    elif left != 'config.json':
        (tmp_path / left).touch()
    other = {**CONFIG, 'model': {'': 'LeNet'}}
    assert Workdir(tmp_path, other, resume=True).result is None
    assert kept(tmp_path) == other


@pytest.mark.parametrize('resume', [True, False])
@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('metrics.jsonl', b'{"step": 1}\n'),
        ('report.html', b'<p>Dear diary</p>'),
        ('pictures/cat.png', b'\x89PNG'),
        ('events/1', b''),
        ('config.json', b'{"architectures": ["BertModel"]}'),
        ('config.json', b'{"model": "bert", "options": {}, "arguments": {}}'),
        ('config.json', b'[1, 2]'),
        ('config.json', b'\xff\xfe'),
        ('checkpoints/model.pt', b''),
    ],
)
def test_a_folder_of_somebody_else_is_refused_and_left_as_it_is(
    tmp_path: Path, name: str, content: bytes, resume: bool
) -> None:
    file = tmp_path / 'theirs' / name
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    told = rf'theirs holds {name.split("/")[0]}, which no run of ours'
    if name == 'checkpoints/model.pt':
        told = 'theirs holds checkpoints, checkpoints/model.pt, which'
    with (
        pytest.raises(ValueError, match=told),
        open_run(tmp_path / 'theirs', CONFIG, resume=resume),
    ):
        pytest.fail('it was opened')
    files = [p for p in tmp_path.rglob('*') if p.is_file()]
    assert files == [file] and file.read_bytes() == content


@pytest.mark.parametrize('content', [b'', b'{"model"', b'\xff', b'[]', b'{"model": 1}'])
def test_a_run_that_lost_its_configuration_is_moved_aside_or_refused(
    tmp_path: Path, content: bytes
) -> None:
    path = began(tmp_path / 'run')
    (path / 'config.json').write_bytes(content)
    with (
        pytest.raises(ValueError, match=r'config.json.*--no-resume moves it aside'),
        open_run(path, CONFIG, resume=True),
    ):
        pytest.fail('it was opened')
    with open_run(path, CONFIG, resume=False):
        assert (tmp_path / 'run.1/checkpoints/4').is_dir()


def test_a_damaged_configuration_is_taken_from_the_last_checkpoint(
    tmp_path: Path,
) -> None:
    with open_run(tmp_path, CONFIG, resume=True) as folder:
        folder.keep_config()
    header = make_header(4, {'a': np.ones(2)}, {}, {'config': CONFIG})
    place = tmp_path / 'checkpoints/4/header/metadata'
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(header))
    path = tmp_path / 'config.json'
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.warns(RuntimeWarning, match='config.json is not what .* checkpoint 4'):
        folder = Workdir(tmp_path, CONFIG, resume=True)
    assert folder.changed == []
    other = {**CONFIG, 'options': {**CONFIG['options'], 'seed': 1}}
    with (
        pytest.warns(RuntimeWarning, match='config.json'),
        pytest.raises(ValueError, match='options.seed: there 0, now 1'),
    ):
        Workdir(tmp_path, other, resume=True)


@pytest.mark.parametrize('content', [b'{', b'\xff', b'[]', b'{"step": 4}'])
def test_a_damaged_result_says_how_to_have_it_anew(
    tmp_path: Path, content: bytes
) -> None:
    (began(tmp_path) / 'result.json').write_bytes(content)
    with pytest.raises(ValueError, match=r'result.json.*delete it, and the same'):
        Workdir(tmp_path, CONFIG, resume=True)


def test_a_file_is_no_folder_of_a_run(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('mine')
    with pytest.raises(ValueError, match='file is a file, wanted a folder'):
        Workdir(tmp_path / 'file', CONFIG, resume=True)
    assert (tmp_path / 'file').read_text() == 'mine'


def test_two_runs_in_one_folder_are_refused_with_the_holder(tmp_path: Path) -> None:
    with open_run(tmp_path / 'run', CONFIG, resume=True):
        said = rf'is in use by process {os.getpid()} of .*, since 20'
        for resume in (True, False):
            with (
                pytest.raises(ValueError, match=said),
                open_run(tmp_path / 'run', CONFIG, resume=resume),
            ):
                pytest.fail('it was opened')
    assert [path.name for path in tmp_path.iterdir()] == ['run']
    with open_run(tmp_path / 'run', CONFIG, resume=True):
        pass


def test_a_run_that_is_moved_aside_is_locked_under_both_names(tmp_path: Path) -> None:
    path = began(tmp_path / 'run')
    with open_run(path, CONFIG, resume=False):
        for name in ('run', 'run.1'):
            with pytest.raises(ValueError, match='in use'), locked(tmp_path / name):
                pytest.fail('it was free')


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    script = (
        'import pathlib, sys, time\n'
        'from dljax.host.lock import locked\n'
        f'with locked(pathlib.Path({str(tmp_path)!r})):\n'
        '    print("held", flush=True)\n'
        '    time.sleep(60)\n'
    )
    holder = subprocess.Popen(
        [sys.executable, '-c', script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    with holder:
        assert holder.stdout.readline() == 'held\n'
        said = f'in use by process {holder.pid} '
        with pytest.raises(ValueError, match=said), locked(tmp_path):
            pytest.fail('it was free')
        holder.send_signal(signal.SIGKILL)
    with locked(tmp_path):
        pass


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / 'a.json', '{}')

    def full(self: Path, target: Path) -> None:
        raise OSError(28, 'No space left on device', str(target))

    monkeypatch.setattr(Path, 'replace', full)
    with pytest.raises(OSError, match='No space left'):
        write_text(tmp_path / 'a.json', '{"new": 1}')
    assert read_json(tmp_path / 'a.json') == {}
    assert [path.name for path in tmp_path.iterdir()] == ['a.json']


def config(**changes: object) -> dict:
    """Give the configuration with other arguments, or options."""
    made = {part: dict(values) for part, values in CONFIG.items()}
    for name, value in changes.items():
        made['arguments' if name in made['arguments'] else 'options'][name] = value
    return made


def ended(path: Path, made: dict, step: int = 12) -> None:
    with open_run(path, made, resume=True):
        (path / 'checkpoints' / str(step)).mkdir(parents=True)
        result = {'step': step, 'metrics': {}}
        (path / 'result.json').write_text(json.dumps(result))


def test_other_settings_get_a_folder_of_their_own_and_come_back_to_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / 'gate'

    def chosen(**changes: object) -> str:
        made = config(**changes)
        folder, why = folder_for(path, made, made['arguments']['steps'], resume=True)
        assert (why is None) == (folder == path)
        if not folder.exists():
            ended(folder, made, made['arguments']['steps'])
        return folder.name

    settings = [{}, {'rate': 0.2}, {'members': 5}, {'devices': 2}, {'seed': 1}]
    settings += [{'steps': 6}, {'precision': 'bfloat16'}, {'rate': 0.2, 'seed': 1}]
    wanted = ['gate', *(f'gate-{number}' for number in range(2, 9))]
    for _ in range(2):
        assert [chosen(**changes) for changes in settings] == wanted
    assert chosen(steps=24) == 'gate'  # more steps go on
    _, why = folder_for(path, config(rate=0.2), 12, resume=True)
    assert why == f'{path} holds another run (arguments.rate: there 0.1, now 0.2)'


def test_other_words_than_a_run_has_learned_are_another_run(tmp_path: Path) -> None:
    path = tmp_path / 'gate'
    words = {'kind': 'words', 'words': ['a', 'b']}
    began(path, vocabularies={'tokens': words})
    with open_run(path, {**CONFIG, 'vocabularies': {'tokens': words}}, resume=True):
        pass
    other = {'tokens': {**words, 'words': ['b', 'a']}}
    with pytest.raises(ValueError, match=r'vocabularies.tokens: there words \w{8}, n'):
        Workdir(path, {**CONFIG, 'vocabularies': other}, resume=True)
    with pytest.raises(ValueError, match='vocabularies.tokens: .*, now none'):
        Workdir(path, {**CONFIG, 'vocabularies': {}}, resume=True)


def test_a_run_that_kept_no_words_goes_on_with_them(tmp_path: Path) -> None:
    began(tmp_path / 'gate')
    words = {'tokens': {'kind': 'words', 'words': ['a']}}
    with open_run(tmp_path / 'gate', {**CONFIG, 'vocabularies': words}, resume=True):
        pass


def test_a_run_that_has_not_ended_goes_on_over_other_devices_only(
    tmp_path: Path,
) -> None:
    began(tmp_path / 'gate')
    for changes, name in (({'devices': 2}, 'gate'), ({'rate': 0.2}, 'gate-2')):
        folder, _ = folder_for(tmp_path / 'gate', config(**changes), 12, resume=True)
        assert folder.name == name


def test_what_is_no_run_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / 'gate').write_text('mine')
    (tmp_path / 'gate-2').mkdir()
    (tmp_path / 'gate-2/diary.txt').touch()
    folder, why = folder_for(tmp_path / 'gate', CONFIG, 12, resume=True)
    assert folder.name == 'gate-3' and 'gate is a file' in why


def test_files_that_hold_something_else_are_told_and_end_an_ended_run() -> None:
    before, now = (
        {**CONFIG, 'files': {'data': {'sha256': digits, 'bytes': 1}}}
        for digits in ('aa', 'bb')
    )
    name = 'files.data'
    fixed, others = compare(before, now, ended=False)
    assert not fixed and [line[0] for line in others] == [name]
    fixed, _ = compare(before, now, ended=True)
    assert [line[0] for line in fixed] == [name]
    assert compare(before, before, ended=True) == ([], [])
    assert compare(CONFIG, now, ended=True) == ([], [])  # of an older run
