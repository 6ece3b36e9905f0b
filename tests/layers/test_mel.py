"""Log-mel features against their definition, and that padding changes nothing."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import from_mel, log_mel, mel_filters, to_mel

RATE = 8000


def sounds(batch: int = 3, time: int = 3000) -> np.ndarray:
    random = np.random.default_rng(0)
    turn = 2 * np.pi * np.arange(time) / RATE
    tones = np.sin(turn[None] * np.array([220.0, 440.0, 1500.0])[:batch, None])
    return (0.3 * tones + 0.05 * random.normal(size=(batch, time))).astype(np.float32)


def by_definition(
    sound: np.ndarray, window: int, hop: int, fft: int, bands: int, rate: int = RATE
) -> np.ndarray:
    """Compute one frame and one band after the other, in float64."""
    corners = from_mel(np.linspace(0.0, to_mel(rate / 2), bands + 2))
    padded = np.concatenate([np.zeros(fft // 2), sound, np.zeros(fft)])
    hann = np.sin(np.pi * np.arange(window) / window) ** 2
    first = (fft - window) // 2
    rows = []
    for start in range(0, len(sound) + 1, hop):
        piece = padded[start : start + fft].copy()
        piece[:first] = piece[first + window :] = 0
        piece[first : first + window] *= hann
        power = np.abs(np.fft.fft(piece)[: fft // 2 + 1]) ** 2
        row = []
        for left, middle, right in zip(corners, corners[1:], corners[2:], strict=False):
            total = 0.0
            for k, value in enumerate(power):
                hertz = k * rate / fft
                if left < hertz <= middle:
                    total += value * (hertz - left) / (middle - left)
                elif middle < hertz < right:
                    total += value * (right - hertz) / (right - middle)
            row.append(np.log(max(total * 2 / (right - left), 1e-10)))
        rows.append(row)
    return np.array(rows)


def test_mels_are_those_of_the_toolbox() -> None:
    hertz = np.array([0.0, 60, 110, 220, 440, 1000, 6400])
    np.testing.assert_allclose(to_mel(hertz), [0, 0.9, 1.65, 3.3, 6.6, 15, 42])
    np.testing.assert_allclose(from_mel(to_mel(hertz)), hertz)
    every = np.linspace(0, 8000, 999)
    assert (np.diff(to_mel(every)) > 0).all()


def test_filters_rise_and_fall_about_their_middles_with_one_area() -> None:
    filters = mel_filters(16000, 4096, 40)
    corners = from_mel(np.linspace(0, to_mel(8000), 42))
    width = 16000 / 4096
    np.testing.assert_allclose(filters.sum(0) * width, 1.0, rtol=0.02)
    assert np.abs(filters.argmax(0) * width - corners[1:-1]).max() <= width
    for band in (0, 20, 39):
        where = np.flatnonzero(filters[:, band]) * width
        assert corners[band] <= where.min() and where.max() <= corners[band + 2]


@pytest.mark.parametrize(
    'window, hop, fft', [(200, 80, 256), (256, 100, 256), (150, 70, 301)]
)
def test_features_are_as_defined(window: int, hop: int, fft: int) -> None:
    audio = sounds(2, 1000)
    make = log_mel(RATE, bands=20, window=window, hop=hop, fft=fft)
    values, frames = jax.jit(make)(audio, None)
    for sound, found in zip(audio, values, strict=True):
        wanted = by_definition(sound.astype(np.float64), window, hop, fft, 20)
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert frames.tolist() == [1 + 1000 // hop] * 2


@pytest.mark.heavy  # its import takes long
def test_librosa_agrees_where_it_is_installed() -> None:
    librosa = pytest.importorskip('librosa')
    audio = sounds(1, 4000)
    make = log_mel(RATE, bands=40, window=200, hop=80, fft=256)
    values, _ = make(jnp.asarray(audio), None)
    wanted = librosa.feature.melspectrogram(
        y=audio[0],
        sr=RATE,
        n_fft=256,
        hop_length=80,
        win_length=200,
        n_mels=40,
        pad_mode='constant',
    )
    wanted = np.log(np.maximum(wanted.T, 1e-10))
    np.testing.assert_allclose(values[0], wanted, atol=1e-4)


def test_what_stands_in_the_padding_changes_nothing() -> None:
    audio = sounds()
    lengths = np.array([3000, 1234, 1])
    make = jax.jit(chex.assert_max_traces(log_mel(RATE, bands=20), n=1))
    values, frames = make(audio, lengths)
    assert frames.tolist() == [1 + n // 80 for n in lengths]
    spoiled = np.where(np.arange(3000)[None] < lengths[:, None], audio, 1e6)
    again, _ = make(spoiled.astype(np.float32), lengths)
    np.testing.assert_array_equal(values, again)
    for index, (length, count) in enumerate(zip(lengths, frames, strict=True)):
        alone, _ = log_mel(RATE, bands=20)(
            jnp.asarray(audio[index, None, :length]), None
        )
        np.testing.assert_allclose(values[index, :count], alone[0], atol=1e-4)
        assert not values[index, count:].any()


def test_a_tone_is_loudest_in_its_band_and_silence_is_the_floor() -> None:
    values, _ = log_mel(RATE, bands=30)(jnp.asarray(sounds()), None)
    corners = from_mel(np.linspace(0, to_mel(4000), 32))
    for tone, found in zip((220, 440, 1500), values, strict=True):
        band = int(np.asarray(found).mean(0).argmax())
        assert corners[band] < tone < corners[band + 2]
    silent, _ = log_mel(RATE, floor=1e-6)(jnp.zeros((1, 400)), None)
    np.testing.assert_allclose(silent, np.log(1e-6), rtol=1e-6)


def test_gradients_are_finite_also_of_silence() -> None:
    make = log_mel(RATE, bands=20)
    for audio in (sounds(1), np.zeros((1, 900), np.float32)):
        gradient = jax.grad(lambda x: make(x, None)[0].sum())(jnp.asarray(audio))
        assert np.isfinite(gradient).all()


def test_bfloat16_is_computed_in_float32() -> None:
    values, _ = log_mel(RATE)(jnp.zeros((1, 400), jnp.bfloat16), None)
    assert values.dtype == jnp.float32


@pytest.mark.parametrize(
    'change, message',
    [
        ({'bands': 0}, 'bands is 0'),
        ({'bands': 200}, 'wanted each to hear one'),
        ({'high': 5000.0}, 'high 5000'),
        ({'low': 4000.0}, 'low 4000'),
        ({'window': 300, 'fft': 256}, 'window 300'),
        ({'hop': 0}, 'hop 0'),
        ({'floor': 0.0}, 'floor 0.0'),
    ],
)
def test_settings_out_of_range_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        log_mel(RATE, **change)


def test_what_is_no_batch_of_sounds_is_refused() -> None:
    for audio in (jnp.zeros(400), jnp.zeros((1, 400), jnp.int16)):
        with pytest.raises(ValueError, match='wanted floats'):
            log_mel(RATE)(audio, None)
