"""Spoken digits: words differ, speakers differ, and what was said can be told."""

import functools

import jax
import numpy as np
import pytest

from dljax import data
from dljax.data.phones import PHONES, SPELLED, WORDS, tracks
from dljax.data.spoken import Speaker, speak
from dljax.layers import log_mel

RATE = 8000
MAN, CHILD = Speaker(110.0, 1.0, 1.0), Speaker(250.0, 1.2, 1.1)


def spectrum(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    window = np.hanning(len(sound))
    return np.fft.rfftfreq(len(sound), 1 / RATE), np.abs(np.fft.rfft(window * sound))


def test_every_word_is_spelled_in_sounds_that_differ() -> None:
    assert list(SPELLED) == WORDS and len(set(SPELLED.values())) == 10
    for word in WORDS:
        track = tracks(word, RATE)
        assert 0.2 < len(track.voice) / RATE < 0.6
        assert (np.diff(track.formants, axis=1) > 0).all()
        assert len(tracks(word, RATE, 2.0).voice) == pytest.approx(
            len(track.voice) / 2, abs=1
        )


def test_vowels_have_their_formants_and_voices_their_pitch() -> None:
    start, end = (int(RATE * t) for t in (0.14, 0.34))  # the vowel of 'three'
    (sound,) = speak(0, ['three'], [MAN])
    hertz, found = spectrum(sound[start + 400 : end])
    found = found * hertz  # the voice falls by 6 dB an octave
    low = hertz[np.argmax(found * (hertz < 1000))]
    high = hertz[np.argmax(found * (hertz > 1200))]
    first, second, third = PHONES['iy'].formants
    assert low == pytest.approx(first, abs=120)
    assert second - 250 < high < third + 250
    for speaker in (MAN, CHILD):
        (vowel,) = speak(1, ['four'], [speaker])
        middle = vowel[1000:2500]
        lags = np.correlate(middle, middle, 'full')[len(middle) - 1 :]
        lag = 25 + int(np.argmax(lags[25:120]))
        assert RATE / lag == pytest.approx(speaker.pitch, rel=0.2)


def test_hissing_sounds_are_high_and_closures_silent() -> None:
    (six,) = speak(0, ['six'], [MAN])
    hertz, hiss = spectrum(six[100:800])
    assert (hiss**2 * (hertz > 2500)).sum() > 0.8 * (hiss**2).sum()
    closed = np.abs(six[int(0.225 * RATE) : int(0.255 * RATE)]).max()
    assert closed < 0.1 * np.abs(six).max()


@functools.cache
def sets() -> dict[str, dict[str, np.ndarray]]:
    return data.spoken_digits(0, 400, 20, 100, speakers=(12, 2, 6))


def test_splits_share_no_speaker_and_sounds_end_where_they_say() -> None:
    people = {split: set(a['speaker'].tolist()) for split, a in sets().items()}
    assert people['train'] <= set(range(12)) and len(people['train']) == 12
    assert people['validation'] <= {12, 13} and people['test'] <= set(range(14, 20))
    for arrays in sets().values():
        audio, length = arrays['audio'], arrays['length']
        assert audio.dtype == np.float32 and np.abs(audio).max() < 1
        assert length.max() <= audio.shape[1]
        after = np.arange(audio.shape[1])[None] >= length[:, None]
        assert not audio[after].any()
        assert all(a[: n // 2].any() for a, n in zip(audio, length, strict=True))
    assert set(sets()['train']['label']) == set(range(10))


def test_other_speakers_are_understood_by_the_nearest_example() -> None:
    """Ten words apart: chance is 0.1, and what tells them is no training."""

    def features(arrays: dict[str, np.ndarray]) -> np.ndarray:
        mel = jax.jit(log_mel(RATE, bands=24))
        values, frames = map(np.asarray, mel(arrays['audio'], arrays['length']))
        rows = []
        for value, count in zip(values, frames, strict=True):
            value = np.maximum(value[:count], value[:count].max() - 9)
            loud = np.flatnonzero(value.mean(1) > value.mean(1).min() + 1.5)
            value = value[loud[0] : loud[-1] + 1]
            parts = np.linspace(0, len(value) - 1, 12).round().astype(int)
            rows.append((value[parts] - value.mean()).ravel())
        return np.array(rows)

    train, test = sets()['train'], sets()['test']
    known, asked = features(train), features(test)
    gaps = np.square(asked[:, None] - known[None]).sum(2)
    found = train['label'][gaps.argmin(1)]
    assert (found == test['label']).mean() > 0.8


def test_equal_seeds_give_equal_sounds_and_others_do_not() -> None:
    first, again, other = (
        data.spoken_digits(s, 3, 1, 1)['train']['audio'] for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda: tracks('ten', RATE), "word is 'ten'"),
        (lambda: tracks('one', RATE, 0.0), 'tempo 0.0'),
        (lambda: speak(0, ['one'], [MAN], 4000), 'rate is 4000'),
        (lambda: data.spoken_digits(0, 0), "'train': 0"),
        (lambda: data.spoken_digits(0, speakers=(1, 1, 0)), r'speakers \(1, 1, 0\)'),
        (lambda: data.spoken_digits(0, rate=4000), 'rate is 4000'),
        (lambda: data.spoken_digits(0, noise=-1.0), 'noise -1.0'),
    ],
)
def test_settings_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
