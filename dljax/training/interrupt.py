"""Turn Ctrl-C and SIGTERM into a polite request that the loop can answer."""

import signal as signals
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Request:
    """Whether somebody asked the run to end, and by which signal.

    Attributes:
        signal: the signal received, or None.
    """

    signal: signals.Signals | None = None


@contextmanager
def interruptible() -> Iterator[Request]:
    """Collect SIGINT and SIGTERM instead of dying in the middle of an update.

    The loop looks at the request between rounds, saves and ends. A second Ctrl-C does
    what it always does. Outside the main thread, where Python has no signals, nothing
    is collected.

    Yields:
        The `Request`.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def receive(number: int, frame: FrameType | None) -> None:
        if request.signal is not None and number == signals.SIGINT:
            raise KeyboardInterrupt
        request.signal = signals.Signals(number)

    before = {
        number: signals.signal(number, receive)
        for number in (signals.SIGINT, signals.SIGTERM)
    }
    try:
        yield request
    finally:
        for number, handler in before.items():
            signals.signal(number, handler)
