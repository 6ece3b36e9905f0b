"""The sounds of ten spoken words: formants, voice and noise over time."""

from typing import NamedTuple

import numpy as np

WORDS = 'zero one two three four five six seven eight nine'.split()


class Phone(NamedTuple):
    """One sound of speech.

    Attributes:
        formants: the first three resonances of a man's vocal tract, in Hz.
        seconds: how long it lasts.
        voice: amplitude of the voice, in [0, 1].
        noise: amplitude of the noise, in [0, 1].
        centre: of the noise, in Hz.
    """

    formants: tuple[float, float, float]
    seconds: float
    voice: float = 1.0
    noise: float = 0.0
    centre: float = 1000.0


# Vowels by Peterson and Barney (1952), consonants after Klatt (1980), table III.
PHONES = {
    'iy': Phone((270, 2290, 3010), 0.14),
    'ih': Phone((390, 1990, 2550), 0.09),
    'eh': Phone((530, 1840, 2480), 0.10),
    'ah': Phone((640, 1190, 2390), 0.09),
    'aa': Phone((730, 1090, 2440), 0.12),
    'ao': Phone((570, 840, 2410), 0.14),
    'uw': Phone((300, 870, 2240), 0.15),
    'ou': Phone((490, 910, 2300), 0.12),
    'ei': Phone((460, 2050, 2600), 0.11),
    'r': Phone((310, 1060, 1380), 0.08, 0.7),
    'w': Phone((290, 610, 2150), 0.07, 0.6),
    'n': Phone((300, 1340, 2470), 0.09, 0.35),
    'v': Phone((220, 1100, 2080), 0.07, 0.3, 0.04, 2200),
    'z': Phone((240, 1390, 2530), 0.10, 0.25, 0.15, 3600),
    's': Phone((320, 1390, 2530), 0.12, 0.0, 0.35, 3600),
    'th': Phone((320, 1290, 2540), 0.10, 0.0, 0.08, 2900),
    'f': Phone((340, 1100, 2080), 0.10, 0.0, 0.09, 2200),
    'closed': Phone((350, 1700, 2600), 0.06, 0.0),
    't': Phone((400, 1600, 2600), 0.03, 0.0, 0.4, 3400),
    'k': Phone((300, 1990, 2850), 0.03, 0.0, 0.4, 1900),
}
SPELLED = {
    'zero': 'z ih r ou uw',
    'one': 'w ah n',
    'two': 't uw uw',
    'three': 'th r iy iy',
    'four': 'f ao ao r',
    'five': 'f aa ih v',
    'six': 's ih closed k s',
    'seven': 's eh v ah n',
    'eight': 'ei iy closed t',
    'nine': 'n aa ih n',
}


class Tracks(NamedTuple):
    """What a vocal tract does over time.

    Attributes:
        formants: [time, 3] in Hz.
        voice: [time] amplitude.
        noise: [time] amplitude.
        centre: [time] of the noise, in Hz.
    """

    formants: np.ndarray
    voice: np.ndarray
    noise: np.ndarray
    centre: np.ndarray


def tracks(word: str, rate: int, tempo: float = 1.0) -> Tracks:
    """Say how the formants of a word move: held in each sound, and gliding between.

    Args:
        word: of `WORDS`.
        rate: samples in a second.
        tempo: how many times as fast as usual, above 0.

    Returns:
        The tracks.

    Raises:
        ValueError: for another word, or a tempo that is not above 0.

    Reference:
        Peterson, Barney (1952), Control Methods Used in a Study of the Vowels,
        https://doi.org/10.1121/1.1906875
        Klatt (1980), Software for a Cascade/Parallel Formant Synthesizer,
        https://doi.org/10.1121/1.383940

    Example:
        >>> tracks('one', 8000).formants.shape
        (2000, 3)
    """
    if word not in SPELLED or not tempo > 0:
        raise ValueError(
            f'word is {word!r} and tempo {tempo}, wanted one of {", ".join(WORDS)}, '
            'and a tempo above 0'
        )
    phones = [PHONES[name] for name in SPELLED[word].split()]
    ends = np.cumsum([phone.seconds for phone in phones]) / tempo
    starts = np.concatenate([[0.0], ends[:-1]])
    time = np.arange(round(ends[-1] * rate)) / rate
    # A sound holds over its middle half; noise begins and ends more sharply.
    slow, sharp = 0.25 * (ends - starts), np.minimum(0.01, 0.25 * (ends - starts))

    def moved(values: list[float], glide: np.ndarray) -> np.ndarray:
        places = np.stack([starts + glide, ends - glide], axis=1).ravel()
        return np.interp(time, places, np.repeat(values, 2))

    formants = [moved([p.formants[i] for p in phones], slow) for i in range(3)]
    return Tracks(
        np.stack(formants, axis=1),
        moved([phone.voice for phone in phones], sharp),
        moved([phone.noise for phone in phones], sharp),
        moved([phone.centre for phone in phones], sharp),
    )
