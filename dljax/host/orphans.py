"""Ends what a launcher has started where the launcher itself is killed.

`dljax launch` starts this file as a script beside its processes and tells it their
groups, one number a line, through a pipe. When the pipe closes without the word 'done'
nobody watches them any more.
"""

import os
import signal
import sys
import time

GRACE = 5.0  # seconds to save in


def main() -> None:
    """Wait for the end of the launcher."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # of the launcher's terminal
    groups: list[int] = []
    for line in sys.stdin:
        if line.strip() == 'done':
            return
        if line.strip() == 'none':
            groups = []
        elif line.strip():
            groups.append(int(line))
    # A stopped process heeds a signal once it goes on.
    for number in (signal.SIGTERM, signal.SIGCONT):
        tell(groups, number)
    deadline = time.monotonic() + GRACE
    while groups and time.monotonic() < deadline:
        groups = [group for group in groups if tell([group], 0)]
        time.sleep(0.1)
    tell(groups, signal.SIGKILL)


def tell(groups: list[int], number: int) -> bool:
    """Send a signal to groups of processes; whether any is there still."""
    found = False
    for group in groups:
        try:
            os.killpg(group, number)
            found = True
        except (ProcessLookupError, PermissionError):
            continue
    return found


if __name__ == '__main__':
    main()
