"""Speech recognition: strings of spoken digits, or recordings of the user's own (U3.8).

Papers: Graves et al. (2006), Connectionist temporal classification,
https://doi.org/10.1145/1143844.1143891; Amodei et al. (2015), Deep Speech 2: end-to-end
speech recognition in English and Mandarin, https://arxiv.org/abs/1512.02595; the masks
by Park et al. (2019), SpecAugment, https://arxiv.org/abs/1904.08779.

The digits are synthetic by default: made by formants, not recorded, so that what is
reached with them says that all parts fit together and nothing about speech. No speaker
of the validation or the test is in the training. Strings are put together from single
recordings of one speaker, with pauses and faint noise, anew in each update. Of the
user's own words (`WORD_SPEAKER_INDEX.wav`, as the free spoken digits are named) the
indices from 0 to 4 are the test, or all of a speaker; recordings with transcripts are
learned as they are, without being composed. Composed strings are easier than running
speech: no word runs into the next one, and pauses are quieter than what was recorded.

Measured on the free spoken digits (3,000 recordings of 6 speakers, of whom all are in
the training, github.com/Jakobovski/free-spoken-digit-dataset), the second command: 99.0
% of the 300 test recordings by themselves; of 200 strings of 3 to 7 of them a word
error rate of 0.5 % by the best path and 0.4 % by beams of 8, after 260 updates, 6
minutes on two shared cores. Of the made digits, by the first command, all 400 of the
test and all of 200 strings of 1 to 5 are right after 300 updates, 6 minutes there.

Commands:
python experiments/speech/spoken_digits.py
python experiments/speech/spoken_digits.py --data recordings --strings 3 7 --longest 4.5
    --steps 260
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from dljax.cli import command

import jax
import numpy as np
import optax

from dljax import create_model, zoo
from dljax.data import bucketed, compose_recordings, length_buckets, procedural
from dljax.data.augment import add_noise, mask_bands, mask_time, shift_time
from dljax.data.augment.audio import SoundAugmentation
from dljax.data.speech import HEARD, Speech, digit_speech, text_speech, word_speech
from dljax.decoding import ctc_beam, ctc_greedy
from dljax.experiment import Experiment, Measure, Outcome, Picture, once
from dljax.layers import GRU, RecurrentStack
from dljax.metrics import character_error_rate, word_error_rate
from dljax.objectives import score_transcription, transcribe
from dljax.pictures.speech import Hearing, hearings
from dljax.training import Player, clipped
from dljax.types import Array, Batch, Draw, HostBatch, Key, Source, Spec, fold

TINY = {
    'train': 20,
    'test': 10,
    'steps': 2,
    'batch_size': 4,
    'strings': (1, 2),
    'units': 8,
    'layers': 1,
    'features': (4, 4),
    'kernel_sizes': ((3, 3), (3, 3)),
    'held_strings': 4,
    'width': 2,
}
SEED = 12  # of the strings that are scored, whatever the run's own is


def experiment(
    *,
    data: Path | None = None,
    held_out_speaker: str | None = None,
    tokens: Literal['words', 'letters'] = 'words',
    rate: int = 8000,
    train: int = 2000,
    test: int = 400,
    strings: tuple[int, int] = (1, 5),
    held_strings: int = 200,
    pause: tuple[float, float] = (0.0, 0.2),
    longest: float = 0.0,
    hiss: float = 0.001,
    features: tuple[int, int] = (16, 32),
    kernel_sizes: tuple[tuple[int, int], tuple[int, int]] = ((5, 5), (5, 5)),
    strides: tuple[tuple[int, int], tuple[int, int]] = ((2, 2), (2, 2)),
    bands: int = 40,
    units: int = 96,
    layers: int = 2,
    dropout: float = 0.1,
    snr: tuple[float, float] = (15.0, 40.0),
    shift: float = 0.0,
    time_masks: int = 1,
    longest_mask: int = 8,
    band_masks: int = 1,
    widest_mask: int = 6,
    steps: int = 300,
    batch_size: int = 24,
    learning_rate: float = 3e-3,
    weight_decay: float = 1e-2,
    width: int = 8,
) -> Experiment:
    """Train by CTC; score the best path, and prefix beams at the end.

    Args:
        data: the user's recordings: a folder of WORD_SPEAKER_INDEX.wav, or of WAV files
            with a CSV file that has the columns 'file' and 'text'; by default made
            digits.
        held_out_speaker: who is the test alone, of files whose names say so.
        tokens: what a token of a transcript is.
        rate: samples in a second; other recordings are resampled.
        train: made recordings to learn from.
        test: made recordings to test with, and half as many for the validation.
        strings: fewest and most words of a string of the test; what is learned from
            has from one to the most.
        held_strings: strings of the test, and half as many of the validation.
        pause: seconds before, between and after words, shortest and longest.
        longest: seconds of a string at most; 0 for what the most words need as a rule.
        hiss: standard deviation of the noise that strings stand in.
        features: filters of the two convolutions.
        kernel_sizes: frames and bands that they see.
        strides: frames and bands from one place to the next.
        bands: log-mel features of a frame of 10 ms.
        units: of a recurrent layer in each direction.
        layers: recurrent ones.
        dropout: fraction that is dropped before, between and after them.
        snr: decibels between a string and the white noise that is added, smallest and
            largest; both 'inf' for none.
        shift: seconds by which a string is moved at most.
        time_masks: spans of frames that are covered in training, 0 for none.
        longest_mask: frames of one at most.
        band_masks: spans of bands that are covered, 0 for none.
        widest_mask: bands of one at most.
        steps: updates in all.
        batch_size: examples in one update.
        learning_rate: of AdamW at its highest: it rises over the first twentieth of the
            updates, then falls to 0 along a cosine.
        weight_decay: of AdamW.
        width: prefixes that the beam keeps.
    """
    spoken = read(data, rate, tokens, held_out_speaker, train, test)
    if len(spoken.tokens):
        each = {
            split: strung(
                spoken,
                split,
                (1, strings[1]) if split == 'train' else strings,
                pause,
                longest,
                hiss,
            )
            for split in ('train', 'validation', 'test')
        }
        source = procedural(each['train'], batch_size)
        sizes = {'validation': max(held_strings // 2, 1), 'test': held_strings}
        evaluation = {
            split: drawn(each[split], count, split) for split, count in sizes.items()
        }
    else:
        source = of_like_length(spoken, batch_size)
        evaluation = {name: spoken.splits[name] for name in ('validation', 'test')}
    cell = GRU(units)
    settings: dict[str, Any] = {
        'tokens': spoken.vocabulary.size,
        'rate': spoken.rate,
        'bands': bands,
        'features': features,
        'kernel_sizes': kernel_sizes,
        'strides': strides,
        'stack': RecurrentStack(
            cell, layers=layers, bidirectional=True, dropout=dropout
        ),
        'dropout': dropout,
    }
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, max(steps // 20, 1), max(steps, 2)
    )
    optimizer = clipped(optax.adamw(schedule, weight_decay=weight_decay), 1.0)
    sounds = add_noise(snr), shift_time(round(shift * spoken.rate))
    masks = [mask_time(longest_mask, time_masks, 0.2)] if time_masks else []
    masks += [mask_bands(widest_mask, band_masks)] if band_masks else []
    loss = transcribe(
        augment=after_each_other(*sounds),
        mask=after_each_other(*masks),
        # Of what is drawn anew nobody can look at each: a fast speaker costs nothing.
        skip_impossible=bool(len(spoken.tokens)),
    )
    said = once(lambda outcome: heard(outcome, outcome.evaluation['test'], width))
    measures = {'recognition': recognition(spoken, said, width)}
    return Experiment(
        net=create_model('speech_ctc', **settings),
        players={'listener': Player(optimizer, loss=loss)},
        source=source,
        steps=steps,
        data_summary=spoken.summary,
        score=score_transcription(),
        evaluation=evaluation,
        evaluation_batch=50,
        inputs={
            **zoo.inputs('speech_ctc', **settings),
            'sound_length': Spec((), 'int32', 1),
        },
        vocabularies={'target': spoken.vocabulary},
        best='validation/error_rate',
        maximize=False,
        measures=measures,
        pictures={
            'Best paths': hearings(looked(spoken)),
            'Mistakes': mistakes(spoken, said),
        },
    )


def read(
    data: Path | None,
    rate: int,
    tokens: Literal['words', 'letters'],
    speaker: str | None,
    train: int,
    test: int,
) -> Speech:
    """Read or make the recordings."""
    if data is None:
        return digit_speech(train, test, rate=rate)
    tables = sorted(data.expanduser().glob('*.csv'))
    if len(tables) > 1:
        raise ValueError(
            f"'{data}' has {len(tables)} tables, wanted one that names all recordings, "
            'or none: take the others out'
        )
    if not tables:
        return word_speech(data, rate=rate, held_out_speaker=speaker)
    if speaker is not None:
        raise ValueError(
            f'held_out_speaker={speaker!r} with the table {tables[0].name}, wanted '
            'files whose names tell the speaker: leave it out'
        )
    return text_speech(tables[0], rate=rate, units=tokens)


def strung(
    spoken: Speech,
    split: str,
    strings: tuple[int, int],
    pause: tuple[float, float],
    longest: float,
    hiss: float,
) -> Draw:
    """Make what draws strings of the words of a split, each by one speaker."""
    return compose_recordings(
        spoken.splits[split],
        spoken.tokens,
        pieces=strings,
        pause=(round(pause[0] * spoken.rate), round(pause[1] * spoken.rate)),
        longest=round(longest * spoken.rate) or None,
        noise=hiss,
        by='speaker',
    )


def drawn(draw: Draw, count: int, split: str, size: int = 50) -> HostBatch:
    """Draw strings that are always the same, a few at a time."""
    key, draw = fold(jax.random.key(SEED), split), jax.jit(draw, static_argnums=1)
    parts = [draw(fold(key, n), min(size, count - n)) for n in range(0, count, size)]
    return {
        name: np.concatenate([np.asarray(part[name]) for part in parts])
        for name in parts[0]
    }


def of_like_length(spoken: Speech, batch_size: int) -> Source:
    """Draw batches of recordings of like length."""
    arrays = spoken.splits['train']
    size = min(batch_size, len(arrays['sound']))
    return bucketed(arrays, length_buckets(arrays, HEARD, size, padding=0.3))


def after_each_other(*augmentations: SoundAugmentation) -> SoundAugmentation:
    """Apply augmentations one after the other, each with a key of its own."""

    def augment(key: Key, sounds: Array, lengths: Array | None = None, /) -> Array:
        for place, apply in enumerate(augmentations):
            sounds = apply(fold(key, 'then', place), sounds, lengths)
        return sounds

    return augment


def heard(outcome: Outcome, batch: HostBatch, width: int) -> dict[str, np.ndarray]:
    """Let the net write down recordings: tokens of the best path, and of the beam."""

    def write(net: Any, sound: Array, length: Array) -> dict[str, Array]:
        logits, frames = net(sound, length), net.frames(length)
        return {
            'greedy': ctc_greedy(logits, frames).tokens,
            'beam': ctc_beam(logits, frames, width=width).tokens[:, 0],
        }

    return outcome.in_parts(write, batch['sound'], batch['sound_length'], size=50)


def texts(spoken: Speech, rows: np.ndarray) -> list[str]:
    """Give what tokens stand for."""
    return [spoken.vocabulary.decode(row) for row in rows]


def recognition(spoken: Speech, said: Callable, width: int) -> Measure:
    """Measure error rates of the test by both ways of decoding, and single words.

    Args:
        spoken: what is recognised.
        said: gives the tokens of the test.
        width: of the beam.
    """

    def measure(outcome: Outcome) -> dict[str, float]:
        targets = texts(spoken, outcome.evaluation['test']['target'])
        found: dict[str, float] = {}
        for name, rows in said(outcome).items():
            answers = texts(spoken, rows)
            found[f'{name}_wer'] = word_error_rate(answers, targets)
            found[f'{name}_cer'] = character_error_rate(answers, targets)
            right = [a == t for a, t in zip(answers, targets, strict=True)]
            found[f'{name}_exact'] = float(np.mean(right))
        if len(spoken.tokens):
            test = spoken.splits['test']
            # As wide as the strings, so that one program serves both.
            wide = outcome.evaluation['test']['sound'].shape[1]
            narrow = test['audio'][:, :wide]
            sound = np.pad(narrow, ((0, 0), (0, wide - narrow.shape[1])))
            single = {'sound': sound, 'sound_length': test['length']}
            wanted = texts(spoken, spoken.tokens[test['label']][:, None])
            for name, rows in heard(outcome, single, width).items():
                right = [
                    a == t for a, t in zip(texts(spoken, rows), wanted, strict=True)
                ]
                found[f'single_{name}_accuracy'] = float(np.mean(right))
        return found

    return measure


def looked(spoken: Speech, count: int = 6) -> Callable[[Outcome], list[Hearing]]:
    """Tell what is heard in the first recordings of the test, and when."""

    def listen(net: Any, batch: Batch) -> tuple[Array, Array, Array]:
        features, ends = net.hear(batch['sound'], batch['sound_length'])
        return features, ends, net.read(features, ends).argmax(-1)

    def look(outcome: Outcome) -> list[Hearing]:
        test = {name: rows[:count] for name, rows in outcome.evaluation['test'].items()}
        features, many, paths = map(np.asarray, outcome.apply(listen, test))
        net: Any = outcome.net
        stride = int(np.prod([frames for frames, _ in net.strides]))
        ends = np.asarray(net.frames(test['sound_length']))
        found = []
        for n, target in enumerate(texts(spoken, test['target'])):
            path = paths[n, : ends[n]]
            before = np.concatenate([[0], path[:-1]])
            places = np.flatnonzero((path != 0) & (path != before))
            names = [spoken.vocabulary.decode([path[place]]) for place in places]
            seen = features[n, : many[n]]
            found.append(Hearing(seen, (stride * places).tolist(), names, target))
        return found

    return look


def mistakes(spoken: Speech, said: Callable, count: int = 24) -> Picture:
    """Show what was written down otherwise than it was said."""

    def write(outcome: Outcome) -> str:
        targets = texts(spoken, outcome.evaluation['test']['target'])
        answers = {name: texts(spoken, rows) for name, rows in said(outcome).items()}
        wrong = [n for n, t in enumerate(targets) if answers['greedy'][n] != t]
        lines = [f'{len(wrong)} of {len(targets)} are not as wanted; the first of them']
        for n in wrong[:count]:
            lines += ['', f'target {targets[n]}']
            lines += [f'{name} {rows[n]}' for name, rows in answers.items()]
        return '\n'.join(lines)

    return write


if __name__ == '__main__':
    command(experiment)
