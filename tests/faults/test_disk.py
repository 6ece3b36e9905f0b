"""A run on a disk that fills up, really."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import running

WORDS = ('--kind', 'table', '--steps', '120')


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of a megabyte."""
    place = tmp_path / 'disk'
    place.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip('only who may mount a file system can fill one up')
    yield place
    subprocess.run(['umount', '--lazy', str(place)], check=True)


def fill(disk: Path, room: int) -> Path:
    """Take all of the disk but so many bytes."""
    ballast = disk / 'ballast'
    free = int(
        subprocess.run(
            ['df', '--output=avail', '-B1', str(disk)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[-1]
    )
    ballast.write_bytes(bytes(max(free - room, 0)))
    return ballast


@pytest.mark.faults
@pytest.mark.parametrize('room', [20_000, 60_000, 120_000, 200_000])
def test_a_full_disk_ends_a_run_that_goes_on_with_room(
    room: int, disk: Path, tmp_path: Path, note: running.Note
) -> None:
    script = running.write_script(tmp_path)
    running.to_the_end(script, tmp_path / 'whole', *WORDS)
    ballast = fill(disk, room)
    done = running.ended(running.start(script, disk / 'run', *WORDS))
    running.assert_polite(done, (1,))
    last = done.output.splitlines()[-1]
    assert 'bytes' in last or 'No space left' in last, done.output
    ballast.unlink()
    subprocess.run(
        ['mount', '-o', 'remount,size=64m', str(disk)], capture_output=True, check=True
    )
    again = running.to_the_end(script, disk / 'run', *WORDS)
    running.assert_same(disk / 'run', tmp_path / 'whole')
    resumed = 'resumed' if 'resuming' in again.output else 'began anew'
    note(f'{room:,} bytes of room', f'{last[:90]}; then {resumed}, bit-equal')
