"""Runs that are told to end, or killed, at random moments, and go on."""

import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.faults import running

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
STEPS = 120
SLOW = 0.15  # seconds at each of 20 evaluations


def phase(output: str) -> str:
    """Tell from what a run has said where the signal found it."""
    if ' at step ' in output and 'report ' in output:
        return 'drawing'
    if 'saved' in output:
        return 'training'
    return 'training' if 'device ' in output else 'starting'


def interrupt_again_and_again(
    kind: str, times: int, folder: Path, seed: int
) -> Counter:
    """Interrupt a run so many times at random moments, then let it end.

    Where it came to its end before a signal found it, another is begun. Each that ended
    must have left what a run without an interruption leaves.
    """
    script, random = running.write_script(folder), np.random.default_rng(seed)
    words = ('--kind', kind, '--steps', str(STEPS))
    whole, part = folder / 'whole', folder / 'part'
    longest = running.to_the_end(script, whole, *words).seconds + 20 * SLOW
    found, sent = Counter(), 0
    while sent < times:
        number = random.choice([signal.SIGINT, signal.SIGTERM])
        process = running.start(script, part, *words, slow=SLOW)
        time.sleep(random.uniform(0.05, longest))
        over, heard = process.poll() is not None, running.listens(process)
        done = running.interrupted(process, 0.0, signal.Signals(number))
        begun = 'device ' in done.output
        if over:
            running.assert_polite(done, (0,))
            running.assert_same(part, whole)
            shutil.rmtree(part)
            continue
        sent += 1
        if heard:
            running.assert_polite(done, (CODES[number],))
            found[phase(done.output)] += 1
        elif begun:  # Python takes down what it had loaded, and hears nothing any more
            running.assert_polite(done, (0,))
            running.assert_same(part, whole)
            shutil.rmtree(part)
            found['after the last line'] += 1
        else:  # where Python has its own way to end
            assert done.code in (CODES[number], -number), done
            found['before the first line'] += 1
    running.to_the_end(script, part, *words)
    running.assert_same(part, whole)
    return found


@pytest.mark.faults
@pytest.mark.parametrize('kind', running.KINDS)
def test_signals_at_random_moments_change_nothing(
    kind: str, tmp_path: Path, note: running.Note
) -> None:
    seed = running.KINDS.index(kind)
    found = interrupt_again_and_again(kind, 20, tmp_path, seed)
    note('20 signals, all ended politely and bit-equal', dict(found))


@pytest.mark.heavy
def test_a_few_signals_change_nothing(tmp_path: Path) -> None:
    interrupt_again_and_again('table', 2, tmp_path, seed=7)


def kill_again_and_again(
    kind: str, times: int, folder: Path, seed: int
) -> tuple[int, int]:
    """Kill a run so many times at random moments, then let it end."""
    script, random = running.write_script(folder), np.random.default_rng(seed)
    words = ('--kind', kind, '--steps', str(STEPS))
    whole, part = folder / 'whole', folder / 'part'
    longest = running.to_the_end(script, whole, *words).seconds + 20 * SLOW
    killed = resumed = 0
    while killed < times:
        process = running.start(script, part, *words, slow=SLOW)
        after = random.uniform(0.05, longest)
        done = running.interrupted(process, after, signal.SIGKILL)
        assert done.code in (0, -signal.SIGKILL), done.output
        resumed += 'resuming' in done.output
        if done.code == 0:
            running.assert_same(part, whole)
            shutil.rmtree(part)
        killed += done.code != 0
    running.to_the_end(script, part, *words)
    running.assert_same(part, whole)
    return killed, resumed


@pytest.mark.faults
@pytest.mark.parametrize('kind', running.KINDS)
def test_kills_at_random_moments_change_nothing(
    kind: str, tmp_path: Path, note: running.Note
) -> None:
    seed = 10 + running.KINDS.index(kind)
    killed, resumed = kill_again_and_again(kind, 10, tmp_path, seed)
    note('kills, all bit-equal', f'{killed} kills, {resumed} starts had resumed')


@pytest.mark.heavy
def test_a_few_kills_change_nothing(tmp_path: Path) -> None:
    kill_again_and_again('game', 2, tmp_path, seed=17)


@pytest.mark.heavy
def test_two_runs_in_one_folder_do_not_mix(tmp_path: Path) -> None:
    script, part = running.write_script(tmp_path), tmp_path / 'part'
    words = ('--kind', 'table', '--steps', str(STEPS))
    running.to_the_end(script, tmp_path / 'whole', *words)
    both = [running.start(script, part, *words, slow=SLOW) for _ in range(2)]
    ends = [running.ended(process) for process in both]
    for done in ends:
        running.assert_polite(done, (0, 1))
    assert sorted(done.code for done in ends) == [0, 1]
    running.assert_same(part, tmp_path / 'whole')
