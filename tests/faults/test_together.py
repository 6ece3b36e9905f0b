"""Several processes of one run, of which one is killed or stands still."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults import running

WORDS = ('--kind', 'table', '--steps', '120')


def launched(script: Path, workdir: Path, *words: str, slow: float) -> subprocess.Popen:
    """Start two processes of a run, under the launcher."""
    command = [sys.executable, '-m', 'dljax', 'launch', '-n', '2', '--']
    return subprocess.Popen(
        [*command, sys.executable, str(script), '--workdir', str(workdir), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=running.ENVIRONMENT | {'SLOW': str(slow)},
    )


def second_of(launcher: subprocess.Popen, script: Path) -> int:
    """Find the process id of the launcher's second child that runs the script."""
    listed = subprocess.run(
        ['ps', '-ww', '--ppid', str(launcher.pid), '-o', 'pid=,args='],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    children = [int(line.split()[0]) for line in listed if str(script) in line]
    assert children, listed
    return max(children)


def hurt(number: signal.Signals, folder: Path) -> float:
    """Send a signal to one of two, and give the seconds until the run has ended."""
    script, part = running.write_script(folder), folder / 'part'
    running.to_the_end(script, folder / 'whole', *WORDS, '--devices', '2')
    launcher = launched(script, part, *WORDS, slow=0.3)
    while running.rows_in(part) < 15:
        assert launcher.poll() is None, launcher.communicate()[0]
        time.sleep(0.02)
    victim = second_of(launcher, script)
    os.kill(victim, number)
    done = running.ended(launcher, timeout=240)
    assert done.code == 0, done.output
    got, wanted = running.left_by(part), running.left_by(folder / 'whole')
    assert got['rows'] == wanted['rows'] and got['metrics'] == wanted['metrics']
    with pytest.raises(ProcessLookupError):
        os.kill(victim, 0)
    return done.seconds


@pytest.mark.faults
@pytest.mark.parametrize(
    'number', [signal.SIGKILL, signal.SIGSTOP], ids=lambda n: n.name
)
def test_one_of_two_processes_is_hurt_and_all_start_again(
    number: signal.Signals, tmp_path: Path, note: running.Note
) -> None:
    seconds = hurt(number, tmp_path)
    note(
        f'{number.name} of one of two processes: bit-equal',
        f'{seconds:.0f} s to the end',
    )
