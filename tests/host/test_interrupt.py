"""Signals become requests that the work answers, or end it at once, in one line."""

import ast
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dljax.host.interrupt import (
    Interrupted,
    ending_at_once,
    ending_the_process,
    interruptible,
    undisturbed,
)

ROOT = Path(__file__).parents[2]


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_collected_and_the_old_handlers_come_back(number):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with interruptible() as request:
        assert request.signal is None
        assert signal.getsignal(number) is not before[0]
        send(number)
        assert request.signal is number
    after = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert after == before


def test_a_second_interrupt_raises():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible() as request:
        send(signal.SIGINT)
        assert request.signal is signal.SIGINT
        send(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_sigterm_is_as_the_first():
    with interruptible() as request:
        send(signal.SIGTERM)
        send(signal.SIGTERM)
        assert request.signal is signal.SIGTERM


def test_handlers_come_back_after_an_error():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RuntimeError), interruptible():
        raise RuntimeError
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_nothing_is_collected():
    before, found = signal.getsignal(signal.SIGINT), []

    def work():
        with interruptible() as request:
            found.append((request.signal, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(None, before)]


def test_what_can_be_done_again_ends_at_once():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match='SIGTERM'), ending_at_once():
        send(signal.SIGTERM)
        pytest.fail('it went on')
    assert signal.getsignal(signal.SIGTERM) is before


def test_contexts_within_others_share_one_request():
    with ending_at_once() as outer, interruptible() as inner:
        send(signal.SIGTERM)
        assert outer is inner and outer.signal is signal.SIGTERM
    assert not outer.at_once
    with interruptible() as outer:
        send(signal.SIGINT)
        with pytest.raises(Interrupted), ending_at_once():
            pytest.fail('what was collected before is forgotten')
        assert not outer.at_once


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_what_is_undisturbed(number):
    done = []
    with pytest.raises(Interrupted), ending_at_once(), undisturbed():
        send(number)
        done.append('the rest')
    assert done
    with interruptible() as request, undisturbed():
        send(number)
    assert request.signal is number
    with as_in_the_foreground(), pytest.raises(KeyboardInterrupt), undisturbed():
        send(signal.SIGINT)
        done.append('and here')
    assert done == ['the rest', 'and here']


@pytest.mark.parametrize(
    ('number', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_command_ends_in_one_line(number, code, capsys):
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as end, ending_the_process('it.py', 'so what'):
        send(number)
    assert end.value.code == code and signal.getsignal(number) is before
    name = signal.Signals(number).name
    assert capsys.readouterr().err == f'it.py: {name}: so what\n'


def test_a_signal_in_a_finalizer_is_not_lost(capsys):
    class Resource:
        def __del__(self):
            send(signal.SIGTERM)

    with pytest.raises(SystemExit) as end, ending_the_process('it.py', 'ended'):
        resource = Resource()
        del resource  # Python only tells of what is raised there
        with ending_at_once():
            pytest.fail('the signal was lost')
    assert end.value.code == 143
    assert capsys.readouterr().err == 'it.py: SIGTERM: ended\n'


SCRIPT = """
from dljax.cli import command
import os, signal
from dljax.host.interrupt import ending_the_process, interruptible
if {within}:
    with ending_the_process('it.py', 'ended'), interruptible():
        os.kill(os.getpid(), signal.SIGINT)
        print('collected', flush=True)
        os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getpid(), signal.{name})
print('it went on')
"""


@contextlib.contextmanager
def as_in_the_foreground() -> Iterator[None]:
    """Receive Ctrl-C, as children do then; a shell in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def ended(script: Path, *options: str) -> tuple[int, str, str]:
    with as_in_the_foreground():
        done = subprocess.run(
            [sys.executable, *options, str(script)],
            capture_output=True,
            text=True,
            env={**os.environ, 'PYTHONPATH': str(ROOT)},
            timeout=60,
        )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(('name', 'code'), [('SIGINT', 130), ('SIGTERM', 143)])
def test_a_script_that_imports_the_command_first_ends_in_one_line(name, code, tmp_path):
    script = tmp_path / 'it.py'
    script.write_text(SCRIPT.format(name=name, within=False))
    assert ended(script) == (code, '', f'it.py: {name}: ended at once\n')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_script_that_has_come_to_its_end_has_not_failed(number, tmp_path):
    script = tmp_path / 'it.py'
    script.write_text(
        'from dljax.cli import command\nimport os\n'
        'class Resource:\n'
        '    def __del__(self, kill=os.kill, here=os.getpid()):\n'
        f'        kill(here, {int(number)})\n'
        'resource = Resource()  # Python takes it down last\n'
    )
    assert ended(script) == (0, '', '')


def test_a_second_interrupt_ends_a_command_at_once(tmp_path):
    script = tmp_path / 'it.py'
    script.write_text(SCRIPT.format(name='SIGTERM', within=True))
    assert ended(script) == (130, 'collected\n', 'it.py: SIGINT: ended at once\n')


def test_who_only_imports_an_experiment_keeps_the_handlers(tmp_path):
    (tmp_path / 'part.py').write_text('from dljax.cli import command\n')
    script = tmp_path / 'it.py'
    script.write_text(
        'import signal\nimport part\n'
        'assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n'
        'assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\n'
    )
    assert ended(script) == (0, '', '')


def test_every_experiment_imports_its_command_before_all_that_takes_seconds():
    for path in sorted(ROOT.glob('experiments/*/*.py')):
        tree = ast.parse(path.read_text())
        names = [
            node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        slow = [n for n in names if n.split('.')[0] not in sys.stdlib_module_names]
        assert slow[0] == 'dljax.cli', path
