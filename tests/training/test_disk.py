"""A disk that is full is noticed at the save in which it is, and leaves the last."""

import errno
import shutil
from collections import namedtuple
from pathlib import Path

import jax.numpy as jnp
import pytest

from dljax.training.checkpoint import Checkpoints
from dljax.training.disk import Room
from dljax.types import State

STATE = State(jnp.int32(3), {'net': {'w': jnp.arange(5000.0)}}, {}, {})
Usage = namedtuple('Usage', 'total used free')


def leave(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = Usage(10**9, 10**9 - free, free)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage)


def test_a_checkpoint_that_does_not_fit_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(3, STATE, {'at': 1}, metrics={}, notes={})
    checkpoints.manager.wait_until_finished()
    leave(100_000, monkeypatch)
    said = (
        'checkpoint 4 does not fit in .* takes up to 151,0[0-9]{2} bytes, and 100,000'
    )
    with pytest.raises(OSError, match=said):
        checkpoints.save(4, STATE, {'at': 1}, metrics={}, notes={})
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ['3']
    checkpoints.save(4, STATE, {'at': 1}, metrics={}, notes={})
    checkpoints.close()
    assert checkpoints.steps() == [3, 4]


class Failing:
    """A manager whose save in the background has failed."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def check_for_errors(self) -> None:
        """Raise it, as Orbax does."""
        raise self.error


@pytest.mark.parametrize(
    'error',
    [
        OSError(errno.ENOSPC, 'No space left on device'),
        OSError(errno.EDQUOT, 'Disk quota exceeded'),
        ValueError('RESOURCE_EXHAUSTED: ... [OS error 28: No space left on device]'),
    ],
)
def test_what_fails_in_the_background_for_want_of_room_says_so(
    tmp_path: Path, error: Exception
) -> None:
    room = Room(tmp_path, Failing(error))
    room.ask(4, {'w': STATE.params})
    (tmp_path / '4.orbax-checkpoint-tmp').mkdir()
    (tmp_path / '3').mkdir()
    with pytest.raises(OSError, match='checkpoint 4 does not fit') as caught:
        room.check()
    assert caught.value.__cause__ is error
    assert [path.name for path in tmp_path.iterdir()] == ['3']


def test_other_errors_pass(tmp_path: Path) -> None:
    room = Room(tmp_path, Failing(ValueError('RESOURCE_EXHAUSTED: out of memory')))
    with pytest.raises(ValueError, match='out of memory'):
        room.check()
