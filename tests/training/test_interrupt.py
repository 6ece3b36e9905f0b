"""Signals become requests that the loop answers."""

import os
import signal
import threading

import pytest

from dljax.training.interrupt import interruptible


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
