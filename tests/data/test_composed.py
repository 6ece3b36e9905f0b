"""Strings of recordings: every sample and token is where a plain loop puts it."""

import jax
import numpy as np
import pytest

from dljax import data

LENGTH = np.array([5, 9, 3, 7], np.int32)
# Recording i holds 100 i + its place, so that every sample tells where it is from.
AUDIO = np.where(
    np.arange(9)[None] < LENGTH[:, None],
    100.0 * np.arange(1, 5)[:, None] + np.arange(9)[None],
    -1.0,
).astype(np.float32)
ARRAYS = {
    'audio': AUDIO,
    'length': LENGTH,
    'label': np.array([0, 1, 1, 2], np.int32),
    'speaker': np.array([3, 8, 3, 8], np.int32),
}
TOKENS = np.array([4, 6, 5])
SETTINGS = {'pieces': (2, 4), 'pause': (1, 3), 'longest': 30, 'noise': 0.0}


def drawn(count: int, *, seed: int = 0, arrays: dict = ARRAYS, **settings) -> dict:
    draw = data.compose_recordings(arrays, **{**SETTINGS, **settings})
    made = jax.jit(draw, static_argnums=1)(jax.random.key(seed), count)
    return jax.tree.map(np.asarray, made)


DRAWN = drawn(200, tokens=TOKENS, by='speaker')


def pieces(sound: np.ndarray) -> list[int]:
    """Read the recordings off a string, and refuse what is no whole one."""
    found, place = [], 0
    while place < len(sound):
        if sound[place] == 0:
            place += 1
            continue
        number = int(sound[place]) // 100 - 1
        whole = AUDIO[number, : LENGTH[number]]
        np.testing.assert_array_equal(sound[place : place + len(whole)], whole)
        found.append(number)
        place += len(whole)
    return found


def pauses(sound: np.ndarray) -> list[int]:
    """Give the lengths of the runs of silence."""
    bounds = np.flatnonzero(np.diff(np.concatenate([[1], sound != 0, [1]])))
    return np.diff(bounds)[::2].tolist()


def test_a_string_is_whole_recordings_of_one_speaker_and_their_tokens() -> None:
    counts = []
    for n, sound in enumerate(DRAWN['sound']):
        end = DRAWN['sound_length'][n]
        assert not sound[end:].any()
        said = pieces(sound[:end])
        tokens = TOKENS[ARRAYS['label'][said]]
        many = DRAWN['target_length'][n]
        assert tokens.tolist() == DRAWN['target'][n, :many].tolist()
        assert not DRAWN['target'][n, many:].any()
        assert len(set(ARRAYS['speaker'][said])) == 1
        between = pauses(sound[:end])
        assert len(between) == many + 1 and set(between) <= {1, 2, 3}
        counts.append(int(many))
    assert set(counts) == {2, 3, 4}


def test_every_recording_is_as_likely() -> None:
    found = drawn(2000, seed=1, pieces=(1, 1), pause=(0, 0), longest=None)
    said = [pieces(s[:e])[0] for s, e in zip(*list(found.values())[:2], strict=True)]
    assert np.abs(np.bincount(said) / 2000 - 0.25).max() < 0.04
    # Without tokens one more than the label, since 0 is the padding.
    np.testing.assert_array_equal(found['target'][:, 0], 1 + ARRAYS['label'][said])
    assert found['sound'].shape == (2000, 9)


def test_what_does_not_fit_is_left_out_from_the_end_on() -> None:
    found = drawn(100, tokens=TOKENS, pieces=(4, 4), longest=15)
    assert found['sound_length'].max() <= 15
    counts = set()
    for sound, end, target, many in zip(*found.values(), strict=True):
        said = pieces(sound[:end])
        assert TOKENS[ARRAYS['label'][said]].tolist() == target[:many].tolist()
        counts.add(int(many))
    assert counts >= {1, 2} and 4 not in counts


def test_the_noise_fills_the_string_and_nothing_beyond() -> None:
    silent = {**ARRAYS, 'audio': np.zeros((4, 9), np.float32)}
    found = drawn(300, arrays=silent, noise=0.5)
    real = np.arange(30)[None] < found['sound_length'][:, None]
    assert found['sound'][real].std() == pytest.approx(0.5, rel=0.05)
    assert not found['sound'][~real].any()


def test_equal_keys_give_equal_strings_and_others_do_not() -> None:
    settings = {'tokens': TOKENS, 'by': 'speaker'}
    again, other = (drawn(200, seed=seed, **settings) for seed in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, DRAWN, again)
    assert (other['target'] != DRAWN['target']).any()


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'pieces': (0, 2)}, r'pieces are \(0, 2\)'),
        ({'pieces': (3, 2)}, 'fewest <= most'),
        ({'pause': (4, 3)}, r'pause \(4, 3\)'),
        ({'noise': -1.0}, 'noise -1'),
        ({'longest': 14}, 'longest is 14 samples, wanted 15 or more'),
        ({'tokens': [1, 2]}, r'labels are 0 to 2 and tokens \[1, 2\]'),
        ({'tokens': [1, 0, 2]}, 'a token of 1 or more'),
        ({'arrays': {**ARRAYS, 'label': np.zeros(3, int)}}, '3 labels of 4 recordings'),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict, words: str) -> None:
    settings = {'arrays': ARRAYS, 'tokens': TOKENS, **SETTINGS, **changes}
    with pytest.raises(ValueError, match=words):
        data.compose_recordings(**settings)
