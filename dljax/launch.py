"""Several processes on one machine: started, watched, and started again together."""

import dataclasses
import os
import signal as signals
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

REFUSED = (1, 2)  # what an experiment exits with that would be refused again
PAUSE = 0.1  # seconds between two looks at the processes


@dataclasses.dataclass
class Group:
    """The processes of one start.

    Attributes:
        processes: in the order of their numbers.
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
) -> int:
    """Run a command in several processes that train together.

    Each is told the address of the first, how many there are and its own number, by the
    variables that `dljax.processes` reads. What the first says is said; what the others
    say is kept, and shown where one of them fails. Where one ends by a crash the others
    are ended too, and all are started again: a run goes on from its last checkpoint.
    A refusal (1 or 2) is not tried again, and neither is what a signal to this process
    has ended, which is passed on to all of them.

    Args:
        command: the words of it.
        processes: how many, at least 1.
        restarts: how often they are started again at most.
        grace: seconds that they have to end after a signal, before they are killed.

    Returns:
        0 where all have ended well, else the number with which the first to fail has
        ended; 128 and the number of the signal where one has killed it.

    Raises:
        ValueError: for numbers out of range, or no command.
    """
    if processes < 1 or restarts < 0 or not command:
        raise ValueError(
            f'processes={processes}, restarts={restarts} and the command is '
            f'{list(command)}, wanted 1 or more, 0 or more, and words behind --'
        )
    received: list[int] = []
    with tempfile.TemporaryDirectory(prefix='dljax-launch-') as folder:
        for attempt in range(restarts + 1):
            group = _started(command, processes, Path(folder), attempt)
            with _passed_on(group, received):
                code, number = _watched(group, received, grace)
            if code == 0:
                return 0
            if number and not received:
                text = group.logs[number - 1].read_text(errors='replace')
                print(f'process {number} said:\n{text[-4000:]}', file=sys.stderr)
            if received or code in REFUSED or attempt == restarts:
                return code
            print(
                f'process {number} of {processes} ended with {code}: all are started '
                f'again, {restarts - attempt - 1} more times at most',
                file=sys.stderr,
                flush=True,
            )
    raise AssertionError('the last attempt returns')


def _started(
    command: Sequence[str], processes: int, folder: Path, attempt: int
) -> Group:
    address = f'127.0.0.1:{_free_port()}'
    group = Group([], [])
    for number in range(processes):
        environment = {
            **os.environ,
            'JAX_COORDINATOR_ADDRESS': address,
            'JAX_NUM_PROCESSES': str(processes),
            'JAX_PROCESS_ID': str(number),
        }
        output = None
        if number:
            group.logs.append(folder / f'{attempt}-{number}.log')
            output = group.logs[-1].open('wb')
        group.processes.append(
            subprocess.Popen(
                command,
                env=environment,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                start_new_session=True,  # or Ctrl-C would reach them twice
            )
        )
        if output is not None:
            output.close()
    return group


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
