"""What is learned in speech recognition: made digits, or recordings of the user's own.

Single words are composed to strings, see `compose_recordings`; recordings with
transcripts are learned as they are.
"""

import os
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from dljax.data.padded import encode_texts
from dljax.data.parting import hold_out
from dljax.data.phones import WORDS
from dljax.data.recordings import (
    Recordings,
    named_recordings,
    transcribed_recordings,
)
from dljax.data.spoken import spoken_digits
from dljax.data.words import Words

HELD = 5  # indices from 0 on of the test, as the free spoken digits have it
HEARD = {'sound': 'sound_length', 'target': 'target_length'}
Split = dict[str, np.ndarray]


class Speech(NamedTuple):
    """Recordings in splits, and what their tokens mean.

    Attributes:
        splits: 'train', 'validation' and 'test'. Of single words 'audio', 'length',
            'label' and 'speaker', as `compose_recordings` takes them; of transcripts
            'sound', 'sound_length', 'target' and 'target_length', as
            `objectives.transcribe` does.
        vocabulary: of the tokens.
        tokens: [classes] the token of each label; empty where there are transcripts.
        rate: samples in a second.
        summary: one line for the start of a run.
    """

    splits: dict[str, Split]
    vocabulary: Words
    tokens: np.ndarray
    rate: int
    summary: str


def digit_speech(train: int = 2000, test: int = 400, *, rate: int = 8000) -> Speech:
    """Make spoken digits, see `spoken_digits`; the splits share no speaker.

    Args:
        train: recordings to learn from.
        test: recordings of the test, and half as many of the validation.
        rate: samples in a second, 8,000 or more.

    Returns:
        The recordings, with the digits' names as words.

    Raises:
        ValueError: for a number out of range.
    """
    splits = spoken_digits(0, train, max(test // 2, 1), test, rate=rate)
    return _of_words(splits, tuple(WORDS), rate, 'digits made by formants (synthetic)')


def word_speech(
    path: str | os.PathLike[str],
    *,
    rate: int | None = None,
    held_out_speaker: str | None = None,
) -> Speech:
    """Read single words from WAV files whose names are `WORD_SPEAKER_INDEX.wav`.

    Where all indices are numbers, those from 0 to 4 are the test, as of the free spoken
    digits, and those from 5 to 9 the validation; otherwise a tenth each, by lot. With a
    speaker held out, the test is all that this one says, and the validation what the
    others say at the indices from 0 to 4.

    Args:
        path: of the folder.
        rate: samples in a second; by default that of the files.
        held_out_speaker: a name, as in the files' names.

    Returns:
        The recordings, with the words in alphabetical order.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: as `named_recordings` raises it; for an unknown speaker, or too few
            recordings.
    """
    read = named_recordings(path, rate=rate)
    speakers = sorted(set(read.facts['speaker']))
    if held_out_speaker is not None and held_out_speaker not in speakers:
        raise ValueError(
            f'held_out_speaker is {held_out_speaker!r}, wanted one of '
            f'{", ".join(speakers)}'
        )
    number = {name: place for place, name in enumerate(speakers)}
    who = np.array([number[name] for name in read.facts['speaker']], np.int32)
    rows = _parted(read, who == number.get(held_out_speaker or '', -1))
    arrays = {**read.arrays, 'speaker': who}
    splits = {
        split: {name: values[rows[split]] for name, values in arrays.items()}
        for split in ('train', 'validation', 'test')
    }
    without = f', {held_out_speaker} held out' if held_out_speaker else ''
    told = (
        f'{Path(path).name} (of the user): {read.summary}, '
        f'{len(speakers)} speakers{without}'
    )
    return _of_words(splits, read.class_names, read.rate, told)


def text_speech(
    path: str | os.PathLike[str],
    *,
    rate: int | None = None,
    units: Literal['words', 'letters'] = 'words',
) -> Speech:
    """Read recordings with transcripts; a tenth each is held out by lot.

    Args:
        path: of a table as `transcribed_recordings` takes it, with the columns 'file'
            and 'text'.
        rate: samples in a second; by default that of the files.
        units: what a token is.

    Returns:
        The recordings, with the vocabulary of the training's transcripts.

    Raises:
        FileNotFoundError: if there is no such table.
        ValueError: as `transcribed_recordings` raises it, or for too few recordings.
    """
    read = transcribed_recordings(path, rate=rate)
    texts = read.facts['text']
    rows = hold_out(len(texts), name=f"'{path}'")
    letters = units == 'letters'
    words = Words.of([texts[row] for row in rows['train']], letters=letters)
    longest = max(len(words.encode(text)) for text in texts) + 1
    splits = {}
    for split, each in rows.items():
        made = encode_texts([texts[row] for row in each], words, longest=longest)
        # The end that texts are written with is no sound: it is taken off.
        target, length = made.arrays['tokens'], made.arrays['length'] - 1
        place = np.arange(target.shape[1])[None]
        splits[split] = {
            'sound': read.arrays['audio'][each],
            'sound_length': read.arrays['length'][each],
            'target': np.where(place < length[:, None], target, 0).astype(np.int32),
            'target_length': length.astype(np.int32),
        }
    sizes = ', '.join(f'{split} {len(each)}' for split, each in rows.items())
    told = f'{Path(path).name} (of the user): {read.summary}; {sizes}'
    return Speech(splits, words, np.zeros(0, np.int32), read.rate, told)


def _of_words(
    splits: dict[str, Split], names: tuple[str, ...], rate: int, told: str
) -> Speech:
    words = Words(names)
    tokens = np.concatenate([words.encode(name) for name in names])
    sizes = ', '.join(f'{split} {len(each["label"])}' for split, each in splits.items())
    return Speech(splits, words, tokens, rate, f'{told}; {sizes}; {len(names)} words')


def _parted(read: Recordings, apart: np.ndarray) -> dict[str, np.ndarray]:
    """Give the rows of each split, those apart as the test if there are any."""
    rows = np.arange(len(apart))
    known = {'test': rows[apart]} if apart.any() else {}
    wanted = [split for split in ('test', 'validation') if split not in known]
    index = np.array([int(i) if i.isdecimal() else -1 for i in read.facts['index']])
    held = {
        split: rows[~apart & (index // HELD == place)]
        for place, split in enumerate(wanted)
    }
    rest = np.setdiff1d(rows[~apart], np.concatenate([*held.values()]))
    if index.min() >= 0 and all(map(len, (rest, *held.values()))):
        return {'train': rest, **held, **known}
    rest = rows[~apart]
    dealt = hold_out(len(rest), wanted, name='the recordings')
    return {**{split: rest[each] for split, each in dealt.items()}, **known}
