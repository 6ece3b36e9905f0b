"""Texts of the user's own ready to be classified: read, parted, turned into tokens."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dljax.data.labelled_text import (
    LabelledTexts,
    labelled_lines,
    read_labelled,
    text_folder,
)
from dljax.data.padded import encode_texts
from dljax.data.parting import hold_out
from dljax.data.words import Words
from dljax.types import HostBatch


class ClassifiedTexts(NamedTuple):
    """What is classified.

    Attributes:
        splits: 'train', 'validation' and 'test': 'tokens' [text, time], 'length' and
            'label' [text] int32; 'unlabelled' besides, without labels, where asked for.
        words: the vocabulary.
        class_names: by label.
        summary: one line for the start of a run.
    """

    splits: Mapping[str, HostBatch]
    words: Words
    class_names: tuple[str, ...]
    summary: str


def classified_texts(
    path: str | os.PathLike[str],
    *,
    text: str = 'text',
    label: str = 'label',
    encoding: str | None = None,
    fold: int = 0,
    longest: int,
    minimum: int,
    unlabelled: Sequence[str] | None = None,
) -> ClassifiedTexts:
    r"""Read texts with their classes; the words are those of the texts to learn from.

    Args:
        path: of a table, of a folder with a folder of texts for each class, inside
            folders of splits or not, or of a folder with a file of one text a line for
            each class.
        text: the column of the texts, of a table.
        label: the column of the classes.
        encoding: of the files of lines, where it is not UTF-8.
        fold: which tenth is the test, where there is none, 0 to 9; the next one is the
            validation.
        longest: words of a text with its end, 2 or more; longer ones are cut.
        minimum: how often a word has to occur to be known, 1 or more.
        unlabelled: more texts to learn words from, which may be none at all: with the
            texts of the training they are a split of their own.

    Returns:
        The arrays of all splits, and what they are of.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        ValueError: for texts that cannot be read or are too few, or a setting out of
            range.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ('bad', 'good'):
        ...     _ = (path / name).write_text(f'a {name} film\n' * 10)
        >>> made = classified_texts(path, longest=8, minimum=1)
        >>> made.class_names, made.words.words
        (('bad', 'good'), ('a', 'film', 'good', 'bad'))
        >>> {name: len(split['label']) for name, split in made.splits.items()}
        {'train': 16, 'test': 2, 'validation': 2}
    """
    path = Path(path).expanduser()
    parts = _parts(path, text, label, encoding, fold)
    free = [*parts['train'].texts, *(unlabelled or ())]
    words = Words.of(free, minimum=minimum)
    made = {
        split: encode_texts(part.texts, words, longest=longest, labels=part.labels)
        for split, part in parts.items()
    }
    if unlabelled is not None:
        made['unlabelled'] = encode_texts(free, words, longest=longest)
    said = '; '.join(f'{split} {each.summary}' for split, each in made.items())
    return ClassifiedTexts(
        {split: each.arrays for split, each in made.items()},
        words,
        parts['train'].class_names,
        f'{path.name} (of the user): {said}; {words.size} tokens',
    )


def _parts(
    path: Path, text: str, label: str, encoding: str | None, fold: int
) -> dict[str, LabelledTexts]:
    """Read all texts, and hold out a tenth for each split that there is not."""
    if not path.is_dir():
        found = {'train': read_labelled(path, text=text, label=label)}
    elif files := sorted(p for p in path.iterdir() if _may_hold_lines(p)):
        stems = [p.stem for p in files]
        names = stems if len({*stems}) == len(stems) else [p.name for p in files]
        paths = dict(zip(names, files, strict=True))
        found = {'train': labelled_lines(paths, encoding=encoding)}
    else:
        found = text_folder(path)
    train = found['train']
    missing = [split for split in ('test', 'validation') if split not in found]
    rows = hold_out(len(train.texts), missing, fold=fold, name=f"'{path}'")
    return {**found, **{split: _chosen(train, index) for split, index in rows.items()}}


def _may_hold_lines(path: Path) -> bool:
    return path.is_file() and not path.name.startswith('.')


def _chosen(read: LabelledTexts, rows: np.ndarray) -> LabelledTexts:
    return read._replace(
        texts=[read.texts[row] for row in rows], labels=read.labels[rows]
    )
