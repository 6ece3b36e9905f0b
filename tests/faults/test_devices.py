"""Runs that go on over another number of devices, or in another way."""

from pathlib import Path

import numpy as np
import pytest

from tests.faults import running

WORDS = ('--kind', 'table', '--steps', '120')
FOUR = {'JAX_NUM_CPU_DEVICES': '4'}
ROUTES = {
    '2 -> 1 -> 4': ('--devices 2', '--devices 1', '--devices 4'),
    'pmap 2 -> pmap 2': ('--devices 2 --parallel pmap',) * 2,
    'pmap 2 -> 1 -> pmap 4': (
        '--devices 2 --parallel pmap',
        '--devices 1',
        '--devices 4 --parallel pmap',
    ),
    'jit 2 -> pmap 2 -> jit 2': (
        '--devices 2',
        '--devices 2 --parallel pmap',
        '--devices 2',
    ),
}


def travel(route: str, folder: Path) -> float:
    """Interrupt a run before each change, and compare its end with one device's."""
    script, part = running.write_script(folder), folder / 'part'
    whole = folder / 'whole'
    running.to_the_end(script, whole, *WORDS)
    *before, last = ROUTES[route]
    for number, words in enumerate(before, start=1):
        process = running.start(script, part, *WORDS, *words.split(), slow=0.3, **FOUR)
        done = running.interrupted_at(process, part, 12 * number)
        running.assert_polite(done, (143,))
    done = running.to_the_end(script, part, *WORDS, *last.split(), **FOUR)
    assert 'resuming' in done.output
    got, wanted = running.left_by(part), running.left_by(whole)
    assert got['step'] == wanted['step'] and len(got['rows']) == len(wanted['rows'])
    differences = [
        abs(value - wanted['metrics'][name]) / max(abs(wanted['metrics'][name]), 1e-6)
        for name, value in got['metrics'].items()
    ]
    assert max(differences) < 1e-4
    if len(set(ROUTES[route])) == 1:  # the same all the way: bit for bit
        straight = folder / 'straight'
        running.to_the_end(script, straight, *WORDS, *last.split(), **FOUR)
        running.assert_same(part, straight)
    return float(np.max(differences))


@pytest.mark.faults
@pytest.mark.parametrize('route', ROUTES)
def test_a_run_goes_on_over_other_devices(
    route: str, tmp_path: Path, note: running.Note
) -> None:
    note(f'{route}, largest relative difference of a metric', travel(route, tmp_path))


@pytest.mark.heavy
def test_a_pmap_run_goes_on_as_it_was(tmp_path: Path) -> None:
    travel('pmap 2 -> pmap 2', tmp_path)
