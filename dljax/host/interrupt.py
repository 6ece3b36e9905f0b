"""What Ctrl-C and SIGTERM do, from the first line of a command to its last.

Nothing heavy is imported here: a command is ready for a signal before it imports JAX.
"""

import atexit
import contextlib
import os
import signal as signals
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

NUMBERS = (signals.SIGINT, signals.SIGTERM)


class Interrupted(BaseException):
    """A signal came where there is nothing to wait for.

    Attributes:
        signal: that came.
    """

    def __init__(self, signal: signals.Signals) -> None:
        super().__init__(signal.name)
        self.signal = signal


class Request:
    """Whether somebody asked for an end, and by which signal.

    Attributes:
        signal: the first one received, or None.
        at_once: whether it raises `Interrupted`, or is for the work to look at.
    """

    signal: signals.Signals | None = None
    at_once: bool = False


_request: Request | None = None  # that of the contexts that are open
_in_command = False  # whether the process ends with what is done
_in_script = False  # whether this process is that of a script that imports a command


@contextlib.contextmanager
def interruptible() -> Iterator[Request]:
    """Collect SIGINT and SIGTERM instead of dying in the middle of an update.

    The work looks at the request where it can end well. A second Ctrl-C does what it
    did before the outermost context: it raises KeyboardInterrupt, or ends a command.
    Contexts within others share one request. Outside the main thread, where Python has
    no signals, nothing is collected.

    Yields:
        The `Request`.
    """
    with _receiving(at_once=False) as request:
        yield request


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put a signal off to the end of what would tell of it in many lines.

    Then it does what it would have done at once: raise `Interrupted`, wait to be looked
    at, or what it did before all contexts.

    Raises:
        Interrupted: at the end, where a context around it ends at once.
    """
    outermost = _request is None
    with interruptible() as request:
        yield
    if request.signal and outermost:
        signals.raise_signal(request.signal)
    elif request.signal and request.at_once:
        raise Interrupted(request.signal)


@contextlib.contextmanager
def ending_at_once() -> Iterator[Request]:
    """Raise `Interrupted` at a signal, and for one that was collected before.

    It is for what can be done again: reading, compiling, drawing. What must not be left
    half done within it is put under `interruptible`.

    Yields:
        The `Request`.

    Raises:
        Interrupted: at the first signal.
    """
    with _receiving(at_once=True) as request:
        if request.signal:
            raise Interrupted(request.signal)
        yield request


@contextlib.contextmanager
def _receiving(at_once: bool) -> Iterator[Request]:
    global _request
    if threading.current_thread() is not threading.main_thread():
        yield Request()
        return
    outer, owner = _request, os.getpid()
    request = outer or Request()
    before = {number: signals.getsignal(number) for number in NUMBERS}

    def receive(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            _as_if_never_told(number)
        elif request.signal is None:
            request.signal = signals.Signals(number)
            if request.at_once:
                raise Interrupted(request.signal)
        elif number == signals.SIGINT:
            again = before[signals.SIGINT]
            (again if callable(again) else signals.default_int_handler)(number, frame)

    patience, request.at_once, _request = request.at_once, at_once, request
    try:
        for number in NUMBERS:
            handler = before[number] if outer else receive
            signals.signal(number, handler)
        yield request
    finally:
        request.at_once, _request = patience, outer
        for number, handler in before.items():
            signals.signal(number, handler)


@contextlib.contextmanager
def ending_the_process(name: str, outlook: str) -> Iterator[Request]:
    """Let a signal end a command in one line, with 130 or 143.

    What it interrupts cleans up behind it. A second Ctrl-C waits for nothing.

    Args:
        name: of the command, which begins the line.
        outlook: what the user has to know then.

    Yields:
        The `Request`; where a signal was answered within, nothing more is said.

    Raises:
        SystemExit: 128 and the number of the signal, as the shell counts.
    """
    global _in_command
    if threading.current_thread() is not threading.main_thread():
        yield Request()
        return
    before = {number: signals.getsignal(number) for number in NUMBERS}
    unraisable = sys.unraisablehook

    def ignore(lost: 'sys.UnraisableHookArgs') -> None:
        if not issubclass(lost.exc_type, Interrupted):  # the request remembers it
            unraisable(lost)

    sys.unraisablehook, _in_command = ignore, True
    try:
        for number in NUMBERS:
            signals.signal(number, _ending(name))
        with ending_at_once() as request:
            yield request
    except Interrupted as stopped:
        print(f'{name}: {stopped.signal.name}: {outlook}', file=sys.stderr)
        leave(stopped.signal)
    finally:
        _in_command = False
        sys.unraisablehook = unraisable
        for number, handler in before.items():
            signals.signal(number, handler)


def in_command() -> bool:
    """Tell whether the process ends with what is done, as that of a command does."""
    return _in_command


def leave(number: int) -> NoReturn:
    """End a command that a signal has ended, once all is cleaned up behind it.

    Args:
        number: of the signal.

    Raises:
        SystemExit: 128 and the number, as the shell counts.
    """
    if _in_script:
        # Where JAX was interrupted while it lowered a program, Python crashes when it
        # takes down what is left of it.
        atexit.register(_skip_the_rest, 128 + number)
    raise SystemExit(128 + number) from None


def _skip_the_rest(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    _end_children()
    os._exit(code)


def _end_children() -> None:
    if 'multiprocessing' in sys.modules:
        for child in sys.modules['multiprocessing'].active_children():
            child.kill()  # or those that read ahead would outlive it


def guard_imports() -> None:
    """Let a signal end a script in one line while it imports, and after its command.

    To be called at the top of a module that holds a command. It acts where a script
    that Python runs imports that module itself, and leaves handlers that somebody else
    has set, those of a session of Python, and whoever only imports an experiment.
    """
    global _in_script
    frame = sys._getframe(2)
    while frame and frame.f_code.co_filename.startswith('<frozen importlib'):
        frame = frame.f_back
    by_script = (
        frame is not None
        and frame.f_globals.get('__name__') == '__main__'
        and '__file__' in frame.f_globals
        and not sys.flags.interactive
        and threading.current_thread() is threading.main_thread()
    )
    _in_script = _in_script or by_script
    usual = {
        signals.SIGINT: signals.default_int_handler,
        signals.SIGTERM: signals.SIG_DFL,
    }
    for number, handler in usual.items():
        if by_script and signals.getsignal(number) is handler:
            ending = _ending(Path(sys.argv[0]).name)
            signals.signal(number, ending)
            atexit.register(_ignore, number, ending)


def _ignore(number: int, ending: Callable) -> None:
    """Let a script that has come to its end take down what it had loaded.

    Python gives its handlers back before that, and a signal would then end with another
    code what has done all that it had to.
    """
    if signals.getsignal(number) is ending:
        signals.signal(number, signals.SIG_IGN)


def _ending(name: str) -> Callable[[int, FrameType | None], NoReturn]:
    """Make the handler that ends this process here and now."""
    owner = os.getpid()

    def end(number: int, frame: FrameType | None) -> NoReturn:
        if os.getpid() != owner:
            _as_if_never_told(number)
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        _end_children()
        cursor = '\x1b[?25h' if sys.__stdout__ and sys.__stdout__.isatty() else ''
        line = f'{cursor}{name}: {signals.Signals(number).name}: ended at once\n'
        with contextlib.suppress(OSError):
            os.write(2, line.encode())
        os._exit(128 + number)

    return end


def _as_if_never_told(number: int) -> None:
    """Do in a forked child what it would have done without its parent's handlers."""
    signals.signal(number, signals.SIG_DFL)
    os.kill(os.getpid(), number)
