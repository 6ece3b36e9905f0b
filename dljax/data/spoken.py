"""Spoken digits made by formants: kind 'synthetic'.

Made, not recorded: ten words that can be told apart, by speakers who differ in pitch,
size and tempo. What is reached here says that features, nets and scores fit together,
and nothing about real speech.
"""

from typing import NamedTuple

import numpy as np

from dljax.data.phones import WORDS, tracks

RATE = 8000
WIDTHS = (60.0, 90.0, 150.0)  # of the formants, in Hz
TEMPO = (0.85, 1.25)


class Speaker(NamedTuple):
    """How one speaks.

    Attributes:
        pitch: of the voice, in Hz.
        scale: of the formants, 1 for a man's, more for a smaller vocal tract.
        tempo: how many times as fast as usual.
    """

    pitch: float
    scale: float
    tempo: float


def speak(
    seed: int, words: list[str], speakers: list[Speaker], rate: int = RATE
) -> list[np.ndarray]:
    r"""Speak words, each by a speaker, at a pitch and tempo a little of their own.

    The voice is a sawtooth, which falls by 6 dB an octave as that of the vocal folds
    does after the lips, through three resonators one after the other,
    $y_t = A x_t + B y_{t-1} + C y_{t-2}$ with $C = -e^{-2 \pi w / r}$,
    $B = 2 e^{-\pi w / r} \cos(2 \pi f / r)$ and $A = 1 - B - C$; the noise goes through
    one of its own. All are computed together, sample after sample.

    Args:
        seed: 0 or more; equal seeds give equal sounds.
        words: of `WORDS`.
        speakers: of the words.
        rate: samples in a second, 8,000 or more, since noise reaches to 3,600 Hz.

    Returns:
        [time] float32 of each word, in (-1, 1).

    Raises:
        ValueError: for another word, or a rate too low.

    Reference:
        Klatt (1980), Software for a Cascade/Parallel Formant Synthesizer,
        https://doi.org/10.1121/1.383940; of it the cascade and one noise.

    Example:
        >>> (sound,) = speak(0, ['seven'], [Speaker(120.0, 1.0, 1.0)])
        >>> sound.shape, bool(0.1 < np.abs(sound).max() < 1)
        ((3689,), True)
    """
    if rate < RATE:
        raise ValueError(f'rate is {rate}, wanted {RATE} or more')
    random = np.random.default_rng(seed)
    every = []
    for word, speaker in zip(words, speakers, strict=True):
        every.append(tracks(word, rate, speaker.tempo * random.uniform(0.93, 1.07)))
    lengths = [len(track.voice) for track in every]

    def padded(rows: list[np.ndarray]) -> np.ndarray:
        """Give [time, word, ...], each held at its last value."""
        longest = max(lengths)
        return np.stack(
            [np.concatenate([r, np.repeat(r[-1:], longest - len(r), 0)]) for r in rows],
            axis=1,
        )

    scale = np.array([speaker.scale for speaker in speakers])[None]
    scale = scale * random.uniform(0.97, 1.03, scale.shape)
    formants = padded([track.formants for track in every]) * scale[:, :, None]
    centre = np.minimum(padded([track.centre for track in every]) * scale, 0.46 * rate)
    pitch = np.array([speaker.pitch for speaker in speakers])[None]
    pitch = pitch * random.uniform(0.94, 1.06, pitch.shape)
    # The pitch falls along a word, and trembles a little.
    along = np.linspace(0, 1, len(formants))[:, None]
    wobble = 0.01 * np.sin(2 * np.pi * 5 * along + random.uniform(0, 6, pitch.shape))
    turns = np.cumsum(pitch * (1.1 - 0.2 * along + wobble) / rate, axis=0)
    voice = padded([track.voice for track in every]) * (2 * (turns % 1.0) - 1)
    for i, width in enumerate(WIDTHS):
        formant = np.minimum(formants[..., i], 0.47 * rate)
        voice = _resonate(voice, formant, np.full_like(formant, width), rate)
    noise = random.normal(size=centre.shape)
    noise = _resonate(noise, centre, np.full_like(centre, 900.0), rate)
    noise *= padded([track.noise for track in every])
    mixed = 0.12 * voice + 0.5 * noise
    sounds = []
    for place, length in enumerate(lengths):
        sound = mixed[:length, place]
        ramp = np.minimum(1.0, np.arange(length) / (0.01 * rate))
        sound = sound * ramp * ramp[::-1]
        loudness = random.uniform(0.4, 0.9) / max(np.abs(sound).max(), 1e-9)
        sounds.append((loudness * sound).astype(np.float32))
    return sounds


def spoken_digits(
    seed: int,
    train: int = 2_000,
    validation: int = 200,
    test: int = 400,
    *,
    rate: int = RATE,
    speakers: tuple[int, int, int] = (20, 5, 10),
    noise: float = 0.003,
) -> dict[str, dict[str, np.ndarray]]:
    """Make spoken digits, in splits that share no speaker.

    Each example takes a digit and a speaker of its split, both at random, and stands in
    up to a tenth of a second of silence on either side and in faint noise throughout.

    Args:
        seed: 0 or more; equal seeds give equal sets.
        train: number of examples, 1 or more; so for the others.
        validation: number of examples.
        test: number of examples.
        rate: samples in a second, 8,000 or more.
        speakers: of the three splits, 1 or more each.
        noise: standard deviation of the noise, 0 or more; words reach 0.4 to 0.9.

    Returns:
        By split: 'audio' [example, time] float32 in about (-1, 1), 0 after its end;
        'length' [example] int32, samples; 'label' [example] int32, the digit, whose
        word is `WORDS[label]`; 'speaker' [example] int32, by number through all splits.

    Raises:
        ValueError: for a number out of range.

    Example:
        >>> split = spoken_digits(0, 2, 1, 1)['train']
        >>> split['audio'].dtype.name, [WORDS[label] for label in split['label']]
        ('float32', ['zero', 'five'])
    """
    sizes = {'train': train, 'validation': validation, 'test': test}
    if min(sizes.values()) < 1 or len(speakers) != 3 or min(speakers) < 1:
        raise ValueError(
            f'the sizes are {sizes} and speakers {speakers}, wanted 1 or more of each'
        )
    if rate < RATE or not noise >= 0:
        raise ValueError(
            f'rate is {rate} and noise {noise}, wanted {RATE} or more and 0 or more'
        )
    random = np.random.default_rng(seed)
    everyone = _people(random, sum(speakers))
    most = round(rate * _longest())
    firsts = np.cumsum([0, *speakers])
    return {
        split: _split(
            random, everyone, firsts[i], firsts[i + 1], size, rate, most, noise
        )
        for i, (split, size) in enumerate(sizes.items())
    }


def _people(random: np.random.Generator, count: int) -> list[Speaker]:
    """Draw speakers: the smaller one is, the higher the voice."""
    size = random.uniform(size=count)
    pitch = np.exp(np.interp(size, [0, 1], np.log([90, 240])))
    pitch = pitch * random.uniform(0.9, 1.1, count)
    scale = 0.95 + 0.25 * size + random.uniform(-0.02, 0.02, count)
    tempo = random.uniform(*TEMPO, count)
    return [Speaker(*map(float, s)) for s in zip(pitch, scale, tempo, strict=True)]


def _longest() -> float:
    """Give the seconds of the longest word at the slowest, with its silence."""
    words = (len(tracks(word, 1000).voice) / 1000 for word in WORDS)
    return max(words) / (TEMPO[0] * 0.93) + 0.2 + 0.01


def _split(
    random: np.random.Generator,
    everyone: list[Speaker],
    first: int,
    last: int,
    examples: int,
    rate: int,
    most: int,
    noise: float,
) -> dict[str, np.ndarray]:
    label = random.integers(len(WORDS), size=examples).astype(np.int32)
    who = random.integers(first, last, size=examples).astype(np.int32)
    words = [WORDS[digit] for digit in label]
    seed = int(random.integers(2**31))
    sounds = speak(seed, words, [everyone[n] for n in who], rate)
    audio, lengths = np.zeros((examples, most), np.float32), []
    for row, sound in zip(audio, sounds, strict=True):
        before, after = random.integers(0, rate // 10, size=2)
        row[before : before + len(sound)] = sound
        lengths.append(before + len(sound) + after)
        hiss = noise * random.normal(size=lengths[-1])
        row[: lengths[-1]] += hiss.astype(np.float32)
    length = np.array(lengths, np.int32)
    return {'audio': audio, 'length': length, 'label': label, 'speaker': who}


def _resonate(
    sounds: np.ndarray, centre: np.ndarray, width: np.ndarray, rate: int
) -> np.ndarray:
    """Filter [time, word] by a resonance that moves."""
    last = -np.exp(-2 * np.pi * width / rate)
    middle = 2 * np.exp(-np.pi * width / rate) * np.cos(2 * np.pi * centre / rate)
    now = (1 - middle - last) * sounds
    one = two = np.zeros(sounds.shape[1])
    for t in range(len(now)):
        one, two = now[t] + middle[t] * one + last[t] * two, one
        now[t] = one
    return now
