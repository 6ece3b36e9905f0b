"""Captions ready to be learned: parted, turned into tokens, drawn."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.captioned import captioned_folder
from dljax.data.captions import CAPTION_WORDS, LONGEST, captioned_scenes
from dljax.data.images import as_float
from dljax.data.load import load
from dljax.data.padded import pad_rows
from dljax.data.parting import SPLITS, hold_out
from dljax.data.procedural import procedural
from dljax.data.resident import resident
from dljax.data.scenes import digit_scenes
from dljax.data.tokens import END, PADDING, Tokens
from dljax.data.words import Words
from dljax.types import AnyBatch, Batch, HostBatch, Key, Position, Source, State, fold

SIDE = (12.0, 16.0)  # of a digit in a scene, in pixels
ROTATION = 10.0  # degrees at most


class Captioning(NamedTuple):
    """What is captioned.

    Attributes:
        source: of a batch size, the batches to learn from.
        evaluation: 'validation' and 'test': 'image' [example, height, width, channel]
            float32 in [0, 1], 'caption' [example, time] int32, 'caption_length'
            [example] int32, and 'references' [example, captions, time] int32.
        words: the vocabulary.
        steps: tokens of a caption at most, its end included.
        summary: one line for the start of a run.
    """

    source: Callable[[int], Source]
    evaluation: Mapping[str, HostBatch]
    words: Tokens
    steps: int
    summary: str


def scene_captioning(size: int, scenes: int) -> Captioning:
    """Compose scenes of two real digits, of the digits of each split alone.

    Args:
        size: height and width of a scene.
        scenes: to test with, and as many for the validation.

    Returns:
        Scenes drawn anew for each batch, and two sets that are always the same.

    Raises:
        ValueError: for a size that `digit_scenes` refuses.
    """
    digits, made = load('digits'), {}
    for split in SPLITS:
        arrays = digits.images(split)
        drawn = digit_scenes(
            arrays['image'],
            arrays['label'],
            size=(size, size),
            fewest=2,
            most=2,
            side=SIDE,
            rotation=ROTATION,
        )
        made[split] = captioned_scenes(drawn)
    train = made.pop('train')
    return Captioning(
        lambda batch_size: procedural(train.draw, batch_size),
        {split: each.fixed(scenes) for split, each in made.items()},
        CAPTION_WORDS,
        LONGEST,
        f'{train.summary}; {scenes} scenes of test digits',
    )


def picture_captioning(
    path: str | os.PathLike[str],
    captions: str | os.PathLike[str],
    *,
    columns: tuple[str, str] = ('image', 'caption'),
    size: int = 64,
    channels: int = 3,
    minimum: int = 2,
    largest: int = 10_000,
    longest: int = 24,
) -> Captioning:
    """Read the user's pictures and captions, and turn them into arrays.

    A tenth of the pictures is held out for the validation and another for the test. The
    vocabulary is learned from the captions of the others, in small letters, signs being
    words of their own. Captions that are too long are left out of the training, and cut
    in the references.

    Args:
        path: of the folder of pictures.
        captions: of the table, as `captioned_folder` takes it.
        columns: of the table, those of the files and of the captions.
        size: height and width that the pictures are brought to, in pixels.
        channels: 1 or 3.
        minimum: how often a word has to be seen.
        largest: words at most.
        longest: tokens of a caption with its end, 2 or more.

    Returns:
        The pictures.

    Raises:
        FileNotFoundError: if there is no such folder or table.
        ValueError: as `captioned_folder` raises it, for too few pictures, or captions
            that are all too long.
    """
    if longest < 2:
        raise ValueError(
            f'longest is {longest}, wanted 2 tokens or more, the end included'
        )
    read = captioned_folder(
        path, captions, columns=columns, size=(size, size), channels=channels
    )
    rows = hold_out(len(read.captions), name=f"'{captions}'")
    parts = {
        split: [read.captions[row] for row in chosen] for split, chosen in rows.items()
    }
    words = Words.of(
        [text for several in parts['train'] for text in several],
        minimum=minimum,
        largest=largest,
        lowercase=True,
        signs=True,
    )
    short = [
        tuple(text for text in several if len(words.encode(text)) < longest)
        for several in parts['train']
    ]
    kept = np.flatnonzero([len(several) > 0 for several in short])
    if not len(kept):
        raise ValueError(
            f"no caption of '{captions}' has {longest} tokens or fewer with its end, "
            'wanted some: raise longest'
        )
    images = read.images[rows['train'][kept]]
    train = encode_captions(images, [short[place] for place in kept], words)
    held = {
        split: _to_evaluate(read.images[rows[split]], parts[split], words, longest)
        for split in ('validation', 'test')
    }
    counts = ', '.join(f'{len(rows[split]):,} {split}' for split in SPLITS)
    left = sum(map(len, parts['train'])) - sum(map(len, short))
    beyond = f'; {left:,} captions longer than {longest} left out' * (left > 0)
    return Captioning(
        lambda batch_size: captioned_source(train, batch_size),
        held,
        words,
        longest,
        f'{read.summary} (of the user): {counts}; {words.size:,} words{beyond}',
    )


def encode_captions(
    images: np.ndarray, captions: Sequence[Sequence[str]], tokens: Tokens
) -> dict[str, np.ndarray]:
    """Turn captions into arrays.

    Args:
        images: [example, height, width, channel], which are handed on.
        captions: one or more of each.
        tokens: the vocabulary, made of the training captions.

    Returns:
        'image'; 'references' [example, captions, time] int32, tokens with their ends, 0
        where a caption has ended or there is none; and 'references_length' [example,
        captions] int32, 0 for none.

    Example:
        >>> said = [('a dog', 'a big dog'), ('two',)]
        >>> words = Words.of([text for several in said for text in several])
        >>> arrays = encode_captions(np.zeros((2, 4, 4, 1)), said, words)
        >>> arrays['references'].tolist(), arrays['references_length'].tolist()
        ([[[3, 4, 1, 0], [3, 5, 4, 1]], [[6, 1, 0, 0], [0, 0, 0, 0]]], [[3, 4], [2, 0]])
    """
    rows = [tokens.encode(text) for several in captions for text in several]
    padded, sizes = pad_rows(rows)
    counts = np.array([len(several) for several in captions])
    real = np.arange(counts.max())[None] < counts[:, None]
    references = np.full((*real.shape, padded.shape[1]), PADDING, np.int32)
    lengths = np.zeros(real.shape, np.int32)
    references[real], lengths[real] = padded, sizes  # both row by row
    return {'image': images, 'references': references, 'references_length': lengths}


def _to_evaluate(
    images: np.ndarray, captions: Sequence[Sequence[str]], words: Words, longest: int
) -> dict[str, np.ndarray]:
    """Encode a set whose loss is that of the first caption; longer ones are cut."""
    made = encode_captions(images, captions, words)
    references, lengths = made['references'], made['references_length']
    if references.shape[2] > longest:
        references = references[:, :, :longest].copy()
        references[:, :, -1][lengths > longest] = END
        lengths = np.minimum(lengths, longest)
    return {
        'image': as_float(made['image']),
        'caption': references[:, 0],
        'caption_length': lengths[:, 0],
        'references': references,
    }


def captioned_source(arrays: Mapping[str, np.ndarray], batch_size: int) -> Source:
    """Draw pictures to learn from, each with one of its captions by lot.

    Args:
        arrays: [example, ...] by feature, of `encode_captions`; they are put on the
            device.
        batch_size: pictures a batch; of fewer pictures than that, all of them.

    Returns:
        A traced source; batch: 'image' [batch_size, height, width, channels] float32 in
        [0, 1], 'caption' [batch_size, time] int32, 'caption_length' [batch_size] int32.

    Raises:
        ValueError: as `resident` raises it.
    """
    drawn = resident(dict(arrays), min(batch_size, len(arrays['image'])))

    def chosen(key: Key, batch: AnyBatch) -> Batch:
        lengths = jnp.asarray(batch['references_length'])
        lot = jax.random.uniform(key, (len(lengths),))
        index = (lot * (lengths > 0).sum(axis=1)).astype(jnp.int32)
        rows = jnp.arange(len(lengths))
        return {
            'image': as_float(jnp.asarray(batch['image'])),
            'caption': jnp.asarray(batch['references'])[rows, index],
            'caption_length': lengths[rows, index],
        }

    def init(key: Key) -> tuple[Position, Batch]:
        place, batch = drawn.init(key)
        return {'place': place, 'batches': jnp.int32(0)}, chosen(key, batch)

    def following(key: Key, position: Position, state: State) -> tuple[Position, Batch]:
        place, batch = drawn.next(key, position['place'], state)
        lot = fold(key, 'caption', position['batches'])
        after = {'place': place, 'batches': position['batches'] + 1}
        return after, chosen(lot, batch)

    return Source(init, following)
