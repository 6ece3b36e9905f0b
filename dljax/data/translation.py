"""Pairs of texts ready to be translated: read, parted, and turned into tokens."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from dljax.data.bucketed import bucketed
from dljax.data.buckets import length_buckets
from dljax.data.byte_pairs import BytePairs
from dljax.data.dates import DATE_CHARACTERS, TARGET_LENGTH, dates
from dljax.data.padded import encode_pairs
from dljax.data.pairs import Pairs, pair_folder, read_pairs
from dljax.data.parting import hold_out
from dljax.data.tokens import Tokens
from dljax.data.words import Words
from dljax.types import HostBatch, Source

LENGTHS = {'source': 'source_length', 'target': 'target_length'}


class Translation(NamedTuple):
    """What is translated.

    Attributes:
        splits: 'train', 'validation' and 'test': 'source' and 'target' [pair, time]
            int32, 'source_length' and 'target_length' [pair] int32.
        source: the vocabulary of what is given.
        target: that of what is wanted.
        steps: tokens of a translation at most, its end included.
        summary: one line for the start of a run.
    """

    splits: Mapping[str, HostBatch]
    source: Tokens
    target: Tokens
    steps: int
    summary: str


def date_translation(train: int, test: int) -> Translation:
    """Make written dates and their ISO form.

    Args:
        train: pairs to learn from.
        test: pairs to test with, and half as many for the validation.

    Returns:
        Pairs of texts of letters.

    Raises:
        ValueError: for too few.
    """
    return Translation(
        dates(0, train, test // 2, test),
        DATE_CHARACTERS,
        DATE_CHARACTERS,
        TARGET_LENGTH,
        f'written dates and their ISO form (synthetic): {train} pairs to learn from, '
        f'{test // 2} for validation and {test} for test, of other days',
    )


def text_translation(
    path: str | os.PathLike[str],
    languages: tuple[str, str] | None = None,
    *,
    test_set: str | None = None,
    units: Literal['words', 'byte_pairs', 'letters'] = 'words',
    minimum: int = 2,
    largest: int = 10_000,
    joint: bool = False,
    longest: int = 64,
) -> Translation:
    """Read the user's pairs of texts and turn them into tokens.

    Of what has no validation or no test a tenth is held out for it. Vocabularies are
    learned from the pairs of the training alone.

    Args:
        path: of a folder as `pair_folder` takes it, or of a table as `read_pairs` does.
        languages: what is given and what is wanted: the endings of the files of a
            folder, or two columns of a table.
        test_set: which test of a folder counts; None where there is one, or none.
        units: what a token is; byte pairs are learned from the texts.
        minimum: how often a unit has to be seen.
        largest: tokens of each side at most, with three fixed ones of byte pairs.
        joint: whether both sides have one vocabulary.
        longest: tokens of a text with its end; longer ones are left out of the
            training, and cut in the validation and the test.

    Returns:
        The pairs.

    Raises:
        FileNotFoundError: if there is no such path.
        ValueError: for what is no such folder or table, a folder without languages,
            several tests of which none is chosen, or too few pairs.
    """
    parts = _parts(Path(path).expanduser(), languages, test_set)

    def learned(texts: list[str]) -> Tokens:
        if units == 'byte_pairs':
            return BytePairs.of(texts, largest, minimum=minimum)
        letters = units == 'letters'
        return Words.of(texts, minimum=minimum, largest=largest, letters=letters)

    train = parts['train']
    if joint:
        source = target = learned(train.source + train.target)
    else:
        source, target = learned(train.source), learned(train.target)
    made = {
        split: encode_pairs(
            part.source,
            part.target,
            source,
            target,
            longest=(longest, longest),
            beyond='drop' if split == 'train' else 'cut',
        )
        for split, part in parts.items()
    }
    told = '; '.join(f'{split} {each.summary}' for split, each in made.items())
    return Translation(
        {split: each.arrays for split, each in made.items()},
        source,
        target,
        longest,
        f'{Path(path).name} (of the user): {told}; {source.size:,} and '
        f'{target.size:,} {units.replace("_", " ")}',
    )


def translation_source(
    pairs: Translation, batch_size: int, *, padding: float = 0.3
) -> Source:
    """Draw batches to learn from, each of pairs of like length.

    Args:
        pairs: such as those of `text_translation`.
        batch_size: pairs of a batch; of fewer pairs than that, all of them.
        padding: fraction of the numbers that may be padding, in (0, 1).

    Returns:
        A host source.

    Raises:
        ValueError: as `length_buckets` raises it.
    """
    arrays = pairs.splits['train']
    size = min(batch_size, len(arrays['source']))
    return bucketed(arrays, length_buckets(arrays, LENGTHS, size, padding=padding))


def _parts(
    path: Path, languages: tuple[str, str] | None, test_set: str | None
) -> dict[str, Pairs]:
    if not path.is_dir():
        found = {'train': read_pairs(path, columns=languages)}
    elif languages is None:
        raise ValueError(
            f"'{path}' is a folder, wanted the endings of its files, of what is given "
            "and of what is wanted: languages=('de', 'en') (--languages de en)"
        )
    else:
        found = pair_folder(path, languages)
    tests = [split for split in found if split not in ('train', 'validation')]
    if test_set not in tests and (test_set is not None or len(tests) > 1):
        raise ValueError(
            f"test_set is {test_set!r}, wanted to know which test of '{path}' counts: "
            f'one of {", ".join(tests) or "none"}'
        )
    parts = {split: found[split] for split in ('train', 'validation') if split in found}
    if tests:
        parts['test'] = found[test_set or tests[0]]
    train = parts['train']
    missing = [split for split in ('test', 'validation') if split not in parts]
    rows = hold_out(len(train.source), missing, name=f"'{path}'")
    return {**parts, **{split: _chosen(train, index) for split, index in rows.items()}}


def _chosen(read: Pairs, rows: np.ndarray) -> Pairs:
    return Pairs(
        [read.source[row] for row in rows], [read.target[row] for row in rows], 0
    )
