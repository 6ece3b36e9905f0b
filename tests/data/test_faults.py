"""Faults stand where they are marked, and are what they are called."""

import numpy as np
import pytest

from dljax.data import FAULTS, all_windows, average_windows, inject_faults

TIME = np.arange(2000.0)
CLEAN = np.sin(TIME / 5) + 0.001 * TIME  # no two values are equal


def runs(marks: np.ndarray, mark: int) -> list[slice]:
    edges = np.flatnonzero(np.diff(np.r_[0, marks == mark, 0]))
    return [slice(*pair) for pair in edges.reshape(-1, 2)]


def test_nothing_but_what_is_marked_is_changed() -> None:
    before = CLEAN.copy()
    damaged, marks = inject_faults(0, CLEAN, each=4, length=10)
    np.testing.assert_array_equal(CLEAN, before)
    np.testing.assert_array_equal((damaged != CLEAN) <= (marks > 0), True)
    assert [len(runs(marks, mark)) for mark in (1, 2, 3, 4)] == [4, 4, 4, 4]


def test_each_kind_is_what_it_is_called() -> None:
    damaged, marks = inject_faults(3, CLEAN, each=5, length=12, size=1.5)
    change, height = damaged - CLEAN, 1.5 * CLEAN.std()
    for place in runs(marks, 1):
        assert place.stop - place.start == 1
        np.testing.assert_allclose(np.abs(change[place]), height)
    signs = set()
    for place in runs(marks, 2):
        assert place.stop - place.start == 12
        np.testing.assert_allclose(change[place], change[place.start])
        signs.add(np.sign(change[place.start]))
        np.testing.assert_allclose(np.abs(change[place]), height)
    assert signs == {-1.0, 1.0}
    for place in runs(marks, 3):
        np.testing.assert_array_equal(damaged[place], CLEAN[place.start - 1])
    for place in runs(marks, 4):
        twice = CLEAN[place.start : place.start + 24][::2]
        np.testing.assert_array_equal(damaged[place], twice)


def test_faults_keep_their_distance_and_their_seed() -> None:
    for seed in range(5):
        damaged, marks = inject_faults(seed, CLEAN, each=5, length=25)
        starts = np.flatnonzero(np.diff(marks) > 0)
        ends = np.flatnonzero(np.diff(marks) < 0)
        assert (starts[1:] - ends[:-1] >= 25).all()
        again, _ = inject_faults(seed, CLEAN, each=5, length=25)
        np.testing.assert_array_equal(damaged, again)
    other, _ = inject_faults(9, CLEAN, each=5, length=25)
    assert (other != damaged).any()


def test_only_the_kinds_that_are_asked_for_are_made() -> None:
    _, marks = inject_faults(0, CLEAN, kinds=('stuck',), each=3, length=7)
    assert np.bincount(marks).tolist() == [2000 - 21, 21]


def test_what_the_windows_of_a_series_say_of_it_is_the_series() -> None:
    windows = all_windows(CLEAN, 9, 1)['history'][..., 0]
    np.testing.assert_allclose(average_windows(windows), CLEAN[:-1])
    two = average_windows(np.stack([windows, 2 * windows]))
    np.testing.assert_allclose(two, np.stack([CLEAN[:-1], 2 * CLEAN[:-1]]))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="wanted one or more of .*'spike'"):
        inject_faults(0, CLEAN, kinds=('dent',))
    with pytest.raises(ValueError, match='each is 0'):
        inject_faults(0, CLEAN, each=0)
    with pytest.raises(ValueError, match='has 2000 steps, wanted 3840 or more for 40'):
        inject_faults(0, CLEAN)
    assert FAULTS == ('spike', 'shift', 'stuck', 'frequency')
