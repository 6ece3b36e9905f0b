"""Several processes on one machine: started, watched, and started again together."""

import dataclasses
import os
import shutil
import signal as signals
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

from dljax.host.processes import ADDRESS, COUNT, HEARTBEAT, NUMBER, PATIENCE
from dljax.host.scratch import PARENT, scratch

REFUSED = (1, 2)  # what an experiment exits with that would be refused again
PAUSE = 0.1  # seconds between two looks at the processes


@dataclasses.dataclass
class Group:
    """The processes of one start.

    Attributes:
        processes: in the order of their numbers, each the leader of a group.
        logs: what all but the first have said.
    """

    processes: list[subprocess.Popen]
    logs: list[Path]


def launch(
    command: Sequence[str],
    *,
    processes: int = 2,
    restarts: int = 3,
    grace: float = 30.0,
    heartbeat: int = HEARTBEAT,
) -> int:
    """Run a command in several processes that train together.

    Each is told the address of the first, how many there are and its own number, by the
    variables that `dljax.host.processes` reads. What the first says is said; what the
    others say is kept, and shown where one of them fails. Where one ends by a crash the
    others are ended too, and all are started again: a run goes on from its last
    checkpoint. A refusal (1 or 2) is not tried again, and neither is what a signal to
    this process has ended, which is passed on to all of them. Where this process is
    killed they end too: see `dljax.host.orphans`.

    Args:
        command: the words of it.
        processes: how many, at least 1.
        restarts: how often they are started again at most.
        grace: seconds that they have to end after a signal, before they are killed.
        heartbeat: seconds without a word from one of them, such as a stopped one, after
            which the others give up, so that all are started again.

    Returns:
        0 where all have ended well, else the number with which the first to fail has
        ended; 128 and the number of the signal where one has killed it.

    Raises:
        ValueError: for numbers out of range, or no command.
    """
    if processes < 1 or restarts < 0 or heartbeat < 2 or not command:
        raise ValueError(
            f'processes={processes}, restarts={restarts}, heartbeat={heartbeat} and '
            f'the command is {list(command)}, wanted 1 or more, 0 or more, 2 or more, '
            'and words behind --'
        )
    received: list[int] = []
    with scratch('launch') as folder, _watch_dog() as dog:
        for attempt in range(restarts + 1):
            group = Group([], [])
            try:
                with _passed_on(group, received):
                    own = folder / f'{attempt}'
                    own.mkdir()
                    _start(group, command, processes, own, heartbeat, dog)
                    if received:  # some were not there yet to hear of it
                        _end(group, received[-1])
                    code, number = _watched(group, received, grace)
            finally:
                _clear(group, dog)
            if code == 0:
                return 0
            if number and not received:
                text = group.logs[number - 1].read_text(errors='replace')
                print(f'process {number} said:\n{text[-4000:]}', file=sys.stderr)
            shutil.rmtree(own, ignore_errors=True)
            if received or code in REFUSED or attempt == restarts:
                return code
            print(
                f'process {number} of {processes} ended with {code}: all are started '
                f'again, {restarts - attempt - 1} more times at most',
                file=sys.stderr,
                flush=True,
            )
    raise AssertionError('the last attempt returns')


def _start(
    group: Group,
    command: Sequence[str],
    processes: int,
    folder: Path,
    heartbeat: int,
    dog: IO[bytes],
) -> None:
    """Start the processes, each the leader of a group of its own."""
    address = f'127.0.0.1:{_free_port()}'
    for number in range(processes):
        environment = {
            **os.environ,
            ADDRESS: address,
            COUNT: str(processes),
            NUMBER: str(number),
            PATIENCE: str(heartbeat),
            PARENT: str(folder),
        }
        output = None
        if number:
            group.logs.append(folder / f'{number}.log')
            output = group.logs[-1].open('wb')
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            start_new_session=True,  # or Ctrl-C would reach them twice
        )
        group.processes.append(process)
        _say(dog, f'{process.pid}')
        if output is not None:
            output.close()


@contextmanager
def _watch_dog() -> Iterator[IO[bytes]]:
    """Start who ends the processes where nobody else does."""
    script = Path(__file__).with_name('orphans.py')
    with subprocess.Popen(
        [sys.executable, '-I', '-S', script],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as dog:
        assert dog.stdin is not None, 'it was asked for'
        try:
            yield dog.stdin
        finally:
            _say(dog.stdin, 'done')
            dog.kill()


def _say(dog: IO[bytes], word: str) -> None:
    with suppress(BrokenPipeError):  # somebody has killed it: we go on without
        dog.write(f'{word}\n'.encode())
        dog.flush()


def _clear(group: Group, dog: IO[bytes]) -> None:
    """Kill what is left of the processes, and of what they have started."""
    for process in group.processes:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signals.SIGKILL)
        process.wait()
    _say(dog, 'none')


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return found.getsockname()[1]


@contextmanager
def _passed_on(group: Group, received: list[int]) -> Iterator[None]:
    """Pass SIGINT and SIGTERM on to the processes, and note them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        _end(group, number)

    before = {
        number: signals.signal(number, receive)
        for number in (signals.SIGINT, signals.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signals.signal(number, handler)


def _watched(group: Group, received: list[int], grace: float) -> tuple[int, int]:
    """Wait until all have ended: what the first to fail ended with, and its number.

    Where one fails the others wait for it in vain: they are killed at once. After a
    signal they have time to save.
    """
    failure, deadline = (0, 0), None
    while True:
        running = [process for process in group.processes if process.poll() is None]
        failed = [i for i, process in enumerate(group.processes) if process.returncode]
        if failed and not failure[0]:
            # Killed ones first: others may already have failed for want of them.
            code, number = min((group.processes[i].returncode, i) for i in failed)
            failure = (128 - code if code < 0 else code, number)
            if not received:
                _end(group, signals.SIGKILL)
        if not running:
            return failure
        if received and deadline is None:
            deadline = time.monotonic() + grace
        if deadline is not None and time.monotonic() > deadline:
            _end(group, signals.SIGKILL)
        time.sleep(PAUSE)


def _end(group: Group, number: int) -> None:
    for process in group.processes:
        if process.poll() is None:
            process.send_signal(number)
