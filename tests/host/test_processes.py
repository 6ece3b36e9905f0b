"""Several processes: who they are, and one training by two of them."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dljax.host.launch import launch
from dljax.host.processes import _heartbeat, count_expected, listening
from dljax.host.scratch import scratch, sweep

ROOT = Path(__file__).parents[2]
SCRIPT = """
import os, sys
import numpy as np
import optax
from dljax import data, zoo
from dljax.cli import command
from dljax.experiment import Experiment
from dljax.objectives import classify, score_classes
from dljax.training import Player


class Rows:
    '''Examples that note which of them this process has read.'''

    def __init__(self, features, label):
        self.features, self.label = features, label

    def __len__(self):
        return len(self.label)

    def __getitem__(self, index):
        if 'READ' in os.environ:
            import jax
            name = f"{os.environ['READ']}/{jax.process_index()}"
            with open(name, 'a') as file:
                file.write(f'{index} ')
        return {'features': self.features[index], 'label': self.label[index]}


def experiment(
    *, steps: int = 40, streamed: bool = False, crash: int = 0
) -> Experiment:
    '''Learn a table.

    Args:
        steps: updates in all.
        streamed: whether rows are read one by one.
        crash: the update after which the second process kills itself, once.
    '''
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype(np.float32)
    y = (x.sum(1) > 0).astype(np.int32)
    table = {'features': x, 'label': y}
    source = data.resident(table, 16)
    if streamed:
        source = data.stream(Rows(x, y), 16)

    def note(outcome):
        import jax
        step = int(outcome.state.step)
        flag = os.environ.get('CRASHED')
        if crash and flag and step >= crash and jax.process_index() == 1:
            if not os.path.exists(flag):
                open(flag, 'w').close()
                os.kill(os.getpid(), 9)
        if 'SLOW' in os.environ:
            import time
            time.sleep(float(os.environ['SLOW']))
        return None

    return Experiment(
        net=zoo.create_model('mlp', hidden=(8,), outputs=2),
        players={'classifier': Player(optax.adam(1e-2), loss=classify('features'))},
        source=source,
        steps=steps,
        data_summary='a table (synthetic)',
        score=score_classes('features'),
        evaluation={'validation': table, 'test': table},
        evaluate_every=5,
        alarms={'crash': note},
    )


if __name__ == '__main__':
    command(experiment)
"""
ENVIRONMENT = {
    k: v
    for k, v in os.environ.items()
    if not k.startswith(('JAX_NUM', 'PYTEST', 'SLURM'))
} | {'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu'}


@pytest.mark.parametrize(
    ('environment', 'many'),
    [
        ({}, 1),
        (
            {
                'JAX_COORDINATOR_ADDRESS': 'localhost:1',
                'JAX_NUM_PROCESSES': '3',
                'JAX_PROCESS_ID': '0',
            },
            3,
        ),
        ({'SLURM_STEP_NODELIST': 'a', 'SLURM_NTASKS': '1'}, 1),
        ({'SLURM_STEP_NODELIST': 'a[1-2]', 'SLURM_NTASKS': '16'}, 16),
        ({'SLURM_JOB_ID': '1', 'SLURM_NTASKS': '16'}, 1),  # no step of it: sbatch alone
        ({'OMPI_MCA_orte_hnp_uri': 'x', 'OMPI_COMM_WORLD_SIZE': '4'}, 4),
        ({'KUBERNETES_SERVICE_HOST': 'x'}, 1),
        ({'KUBERNETES_SERVICE_HOST': 'x', 'JOB_COMPLETION_INDEX': '0'}, 2),
        ({'TPU_WORKER_HOSTNAMES': 'a,b,c,d'}, 4),
        ({'TPU_WORKER_HOSTNAMES': 'localhost'}, 1),
    ],
    ids=str,
)
def test_an_environment_tells_how_many_there_are(
    environment: dict[str, str], many: int
) -> None:
    assert count_expected(environment) == many


def test_half_of_what_is_needed_is_refused() -> None:
    with pytest.raises(ValueError, match='JAX_COORDINATOR_ADDRESS and JAX_PROCESS_ID'):
        count_expected({'JAX_NUM_PROCESSES': '2'})


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / 'family' / 'table.py'
    path.parent.mkdir()
    path.write_text(SCRIPT)
    return path


def launched(
    script: Path, workdir: Path, *words: str, restarts: int = 0, **environment: str
) -> subprocess.CompletedProcess:
    command = [sys.executable, '-m', 'dljax', 'launch', '--processes', '2']
    command += ['--restarts', str(restarts), '--']
    command += [sys.executable, str(script), '--workdir', str(workdir), *words]
    return subprocess.run(
        command,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def alone(script: Path, workdir: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, str(script), '--workdir', str(workdir), *words],
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
        timeout=300,
    )


def rows(workdir: Path) -> list[dict]:
    """The records without the seconds, which are never the same."""
    lines = (workdir / 'metrics.jsonl').read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if k != 'seconds'} for line in lines
    ]


@pytest.mark.parametrize(
    'streamed',
    [
        pytest.param(['--streamed'], marks=pytest.mark.heavy),
        pytest.param([], marks=pytest.mark.exhaustive),
    ],
    ids=['streamed', 'resident'],
)
def test_two_processes_train_as_one_with_two_devices(
    script: Path, tmp_path: Path, streamed: list[str]
) -> None:
    one, two, read = (tmp_path / name for name in ('one', 'two', 'read'))
    alone(script, one, '--devices', '2', *streamed)
    read.mkdir()
    done = launched(script, two, *streamed, READ=str(read))
    assert done.returncode == 0, done.stderr
    assert rows(one) == rows(two)
    assert {p.name for p in one.iterdir()} == {p.name for p in two.iterdir()}
    assert done.stdout.count('ended     at step 40') == 1  # the first alone speaks
    if not streamed:
        return
    # Ten times over 64 rows: each row ten times by one of the two, not by both of them;
    # a few more are read ahead and for the forms.
    own = [Counter((read / name).read_text().split()) for name in '01']
    both = (own[0] + own[1]).values()
    assert min(both) >= 10 and max(both) <= 14
    assert all(sum(rows.values()) >= 320 for rows in own)


@pytest.mark.exhaustive
def test_all_start_again_where_one_is_killed(script: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    assert launched(script, whole).returncode == 0
    words = ('--crash', '20')
    flag = str(tmp_path / 'crashed')
    done = launched(script, broken, *words, restarts=1, CRASHED=flag)
    assert done.returncode == 0, done.stderr
    assert 'process 1 of 2 ended with 137: all are started again' in done.stderr
    assert 'resuming' in done.stdout
    assert rows(whole) == rows(broken)


@pytest.mark.heavy
def test_a_refusal_is_not_tried_again(script: Path, tmp_path: Path) -> None:
    done = launched(script, tmp_path / 'run', '--members', '2', restarts=3)
    assert done.returncode == 1 and 'started again' not in done.stderr
    assert 'members=2 in 2 processes' in done.stderr


@pytest.mark.exhaustive
def test_a_signal_ends_all_at_one_step(script: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    assert launched(script, whole, '--steps', '60').returncode == 0
    command = [sys.executable, '-m', 'dljax', 'launch', '--processes', '2', '--']
    command += [sys.executable, str(script), '--workdir', str(broken), '--steps', '60']
    with subprocess.Popen(
        command,
        env={**ENVIRONMENT, 'SLOW': '0.5'},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 120
        saved = broken / 'checkpoints' / '5'
        while not saved.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 143, said
    assert 'SIGTERM at step' in said
    assert launched(script, broken, '--steps', '60').returncode == 0
    assert rows(whole) == rows(broken)


@contextmanager
def launching(
    script: Path, workdir: Path, scratch: Path, *options: str
) -> Iterator[subprocess.Popen]:
    """Launch two slow processes, up to their first checkpoint; kill all afterwards."""
    scratch.mkdir(exist_ok=True)
    command = [sys.executable, '-m', 'dljax', 'launch', '-n', '2', *options, '--']
    command += [sys.executable, str(script), '--workdir', str(workdir), '--steps', '60']
    with subprocess.Popen(
        command,
        env={**ENVIRONMENT, 'SLOW': '0.3', 'TMPDIR': str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            until(lambda: (workdir / 'checkpoints' / '5').exists(), 120)
            yield process
        finally:
            process.kill()
            for pid in running(workdir):
                os.kill(pid, signal.SIGKILL)


def until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait for something, and tell how long it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, 'it never came'
        time.sleep(0.1)
    return time.monotonic() - start


def running(workdir: Path) -> dict[int, str]:
    """Tell which processes train into a folder, and which of them they are."""
    found = {}
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            words = (folder / 'cmdline').read_bytes().split(b'\0')
            kept = (folder / 'environ').read_bytes().split(b'\0')
        except OSError:
            continue
        names = [line[15:].decode() for line in kept if line[:15] == b'JAX_PROCESS_ID=']
        if str(workdir).encode() in words and names:
            found[int(folder.name)] = names[0]
    return found


needs_proc = pytest.mark.skipif(
    not Path('/proc/self/environ').exists(), reason='looks at processes by /proc'
)


@needs_proc
@pytest.mark.exhaustive
@pytest.mark.parametrize('number', ['0', '1'])
def test_a_stopped_process_is_noticed(
    script: Path, tmp_path: Path, number: str
) -> None:
    workdir = tmp_path / 'run'
    options = ('--heartbeat', '5', '--restarts', '1')
    with launching(script, workdir, tmp_path / 'scratch', *options) as process:
        first = running(workdir)
        stopped = next(pid for pid, name in first.items() if name == number)
        os.kill(stopped, signal.SIGSTOP)
        seconds = until(lambda: stopped not in running(workdir), 30)
        print(f'noticed after {seconds:.1f} s')
        said, _ = process.communicate(timeout=200)
    assert 'all are started again' in said and 'resuming' in said
    assert process.returncode == 0, said
    assert list((tmp_path / 'scratch').iterdir()) == []


@needs_proc
@pytest.mark.exhaustive
def test_a_killed_launcher_leaves_no_process_and_its_folder_goes(
    script: Path, tmp_path: Path
) -> None:
    workdir, own = tmp_path / 'run', tmp_path / 'scratch'
    with launching(script, workdir, own) as process:
        first = running(workdir)
        assert sorted(first.values()) == ['0', '1']
        process.kill()
        until(lambda: not running(workdir), 15)
    (folder,) = own.iterdir()
    os.utime(folder, (0, 0))  # it is old
    assert sweep(own) == [folder] and list(own.iterdir()) == []


@needs_proc
@pytest.mark.exhaustive
def test_nobody_listens_on_other_addresses_than_the_announced(
    script: Path, tmp_path: Path
) -> None:
    with launching(script, tmp_path / 'run', tmp_path / 'scratch'):
        pid = next(p for p, n in running(tmp_path / 'run').items() if n == '0')
        words = Path(f'/proc/{pid}/environ').read_text().split('\0')
        known = dict(word.partition('=')[::2] for word in words)
        port = int(known['JAX_COORDINATOR_ADDRESS'].split(':')[1])
        found = []
        for table in ('tcp', 'tcp6'):
            lines = Path(f'/proc/{pid}/net/{table}').read_text().splitlines()[1:]
            found += [line.split()[1] for line in lines if line.split()[3] == '0A']
        heard = {place.split(':')[0] for place in found if int(place[-4:], 16) == port}
        assert heard and all(place.endswith('0100007F') for place in heard), heard


def test_a_folder_is_swept_when_nobody_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('DLJAX_SCRATCH', raising=False)
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    with scratch('some') as held:
        left = tmp_path / 'dljax-left'
        for folder in (left, tmp_path / 'dljax-foreign', tmp_path / 'other'):
            folder.mkdir()
            (folder / '.held').touch()
        (tmp_path / 'dljax-foreign' / '.held').unlink()
        assert sweep() == []  # they are young
        for folder in tmp_path.iterdir():
            os.utime(folder, (0, 0))
        assert sweep() == [left]
        assert held.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {'dljax-foreign', 'other'}


@pytest.mark.parametrize(
    ('address', 'place'),
    [
        ('127.0.0.1:12', '127.0.0.1:12'),
        ('localhost:12', '127.0.0.1:12'),
        ('192.0.2.7:12', None),  # of nobody
        ('unknown:12', None),
        ('myself:12', None),  # a host that knows itself by a loopback
    ],
)
def test_the_first_process_listens_where_it_is_called(
    monkeypatch: pytest.MonkeyPatch, address: str, place: str | None
) -> None:
    known = {'myself': '127.0.0.1', 'localhost': '127.0.0.1'}

    def look(host: str, *rest: object, **more: object) -> list:
        if host == 'unknown':
            raise socket.gaierror('no such host')
        return [(socket.AF_INET, 1, 6, '', (known.get(host, host), 0))]

    monkeypatch.setattr(socket, 'getaddrinfo', look)
    assert listening(address) == place


@pytest.mark.parametrize('said', ['x', '0', '1', '2.5', '-3', ''])
def test_a_heartbeat_is_whole_seconds(said: str) -> None:
    with pytest.raises(ValueError, match=f"DLJAX_HEARTBEAT_SECONDS is '{said}'"):
        _heartbeat({'DLJAX_HEARTBEAT_SECONDS': said})
    assert _heartbeat({'DLJAX_HEARTBEAT_SECONDS': '7'}) == 7
    assert 2 <= _heartbeat({}) <= 30


@pytest.mark.parametrize(
    'wrong', [{'processes': 0}, {'restarts': -1}, {'heartbeat': 1}], ids=str
)
def test_numbers_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=f'{next(iter(wrong))}={[*wrong.values()][0]}'):
        launch(['true'], **wrong)


def test_what_the_processes_leave_running_ends_with_them(tmp_path: Path) -> None:
    note = tmp_path / 'pid'
    code = launch(['sh', '-c', f'sleep 100 & echo $! > {note}; exit 0'], processes=1)
    assert code == 0
    pid = int(note.read_text())

    def gone() -> bool:
        try:
            return Path(f'/proc/{pid}/stat').read_text().split()[2] == 'Z'
        except OSError:
            return True

    if Path('/proc/self').exists():
        until(gone, 10)


@pytest.mark.exhaustive
def test_tasks_of_slurm_find_each_other(script: Path, tmp_path: Path) -> None:
    one, two = tmp_path / 'one', tmp_path / 'two'
    alone(script, one, '--devices', '2')
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        port = found.getsockname()[1]
    # JAX makes the port of the number of the job.
    job = str(port - (65535 - 2**12 + 1)) if port > 61439 else '77'
    tasks = [
        subprocess.Popen(
            [sys.executable, str(script), '--workdir', str(two)],
            env={
                **ENVIRONMENT,
                'SLURM_JOB_ID': job,
                'SLURM_STEP_NODELIST': 'localhost',
                'SLURM_NTASKS': '2',
                'SLURM_PROCID': str(number),
                'SLURM_LOCALID': str(number),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(2)
    ]
    said = [task.communicate(timeout=200)[0] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], said
    assert rows(one) == rows(two)
