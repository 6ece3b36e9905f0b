"""Rows of tokens as one array: ended, padded, and no longer than is stated."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dljax.data.tokens import END, PADDING, Tokens

BEYOND = ('refuse', 'drop', 'cut')


class Encoded(NamedTuple):
    """Texts as arrays.

    Attributes:
        arrays: [example, ...] by feature.
        summary: one line for the start of a run: how many, how long, what was left out.
    """

    arrays: dict[str, np.ndarray]
    summary: str


def pad_rows(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Put rows of tokens into one array, each followed by its end and by padding.

    Args:
        rows: [tokens] integers each, without an end.

    Returns:
        [row, longest + 1] int32, and [row] int32, the lengths with the end.

    Example:
        >>> tokens, lengths = pad_rows([np.array([5, 6]), np.array([7])])
        >>> tokens.tolist(), lengths.tolist()
        ([[5, 6, 1], [7, 1, 0]], [3, 2])
    """
    lengths = np.array([len(row) + 1 for row in rows], np.int32)
    tokens = np.full((len(rows), lengths.max(initial=1)), PADDING, np.int32)
    for place, row in enumerate(rows):
        tokens[place, : len(row)] = row
        tokens[place, len(row)] = END
    return tokens, lengths


def encode_texts(
    texts: Sequence[str],
    tokens: Tokens,
    *,
    longest: int,
    labels: np.ndarray | None = None,
    beyond: str = 'cut',
) -> Encoded:
    """Turn texts, with their labels if they have some, into arrays.

    Args:
        texts: of one split.
        tokens: the vocabulary, made of the training split.
        longest: tokens of a text with its end, 2 or more.
        labels: [text] integers.
        beyond: what becomes of longer texts: 'cut' keeps their beginning, 'drop' leaves
            them out, 'refuse' names them.

    Returns:
        'tokens' [example, time] int32, of which no more than `longest` and no more than
        the longest text needs; 'length' [example] int32 with the end; 'label' [example]
        int32 where labels are given; and the summary.

    Raises:
        ValueError: for a setting out of range, labels that are not one for each text,
            texts that are too long where that is refused, or none that is left.

    Example:
        >>> from dljax.data.words import Words
        >>> texts = ['a dog', 'a dog and a cat']
        >>> encoded = encode_texts(texts, Words.of(texts), longest=4)
        >>> print(encoded.arrays['tokens'])
        [[3 4 1 0]
         [3 4 5 1]]
        >>> print(encoded.summary)
        2 texts of at most 4 tokens, 1 cut to 4
    """
    _check(longest, beyond)
    if labels is not None and np.shape(labels) != (len(texts),):
        raise ValueError(
            f'labels have shape {np.shape(labels)} for {len(texts)} texts, wanted one '
            'for each'
        )
    rows = [tokens.encode(text) for text in texts]
    kept, said = fit_rows({'texts': rows}, {'texts': longest}, beyond)
    rows = [rows[i][: longest - 1] for i in kept]
    padded, lengths = pad_rows(rows)
    arrays = {'tokens': padded, 'length': lengths}
    if labels is not None:
        arrays['label'] = np.asarray(labels)[kept].astype(np.int32)
    return Encoded(
        arrays, f'{len(kept):,} texts of at most {lengths.max()} tokens{said}'
    )


def encode_pairs(
    source: Sequence[str],
    target: Sequence[str],
    source_tokens: Tokens,
    target_tokens: Tokens,
    *,
    longest: tuple[int, int],
    beyond: str = 'drop',
) -> Encoded:
    """Turn pairs of texts into arrays, as `dates` gives them.

    Args:
        source: texts that are given.
        target: of each the text that is wanted.
        source_tokens: vocabulary of the given texts.
        target_tokens: vocabulary of the wanted texts.
        longest: tokens of a given and of a wanted text, with their ends, 2 or more.
        beyond: what becomes of a pair of which one text is longer: 'drop' leaves it
            out, 'cut' keeps the beginnings, though a wanted text then ends where it
            should not, 'refuse' names it.

    Returns:
        'source' and 'target' [pair, time] int32, each of a time of its own, with
        'source_length' and 'target_length' [pair] int32, the end included; and the
        summary.

    Raises:
        ValueError: for a setting out of range, unequal numbers of texts, texts that are
            too long where that is refused, or no pair that is left.

    Example:
        >>> from dljax.data.words import Words
        >>> english, german = ['a dog', 'one'], ['ein Hund', 'eins']
        >>> words = Words.of(english), Words.of(german)
        >>> encoded = encode_pairs(english, german, *words, longest=(8, 8))
        >>> encoded.arrays['source'].tolist(), encoded.arrays['target_length'].tolist()
        ([[3, 4, 1], [5, 1, 0]], [3, 2])
    """
    if len(source) != len(target):
        raise ValueError(
            f'there are {len(source)} given and {len(target)} wanted texts, wanted as '
            'many'
        )
    sizes: dict[str, int] = {'source': longest[0], 'target': longest[1]}
    _check(min(longest), beyond)
    rows = {
        'source': [source_tokens.encode(text) for text in source],
        'target': [target_tokens.encode(text) for text in target],
    }
    kept, said = fit_rows(rows, sizes, beyond)
    arrays, most = {}, []
    for side, size in sizes.items():
        padded, lengths = pad_rows([rows[side][i][: size - 1] for i in kept])
        arrays[side], arrays[f'{side}_length'] = padded, lengths
        most.append(f'{lengths.max()} tokens of the {side}')
    summary = f'{len(kept):,} pairs of at most {" and ".join(most)}{said}'
    return Encoded(arrays, summary)


def fit_rows(
    rows: Mapping[str, list[np.ndarray]], longest: Mapping[str, int], beyond: str
) -> tuple[np.ndarray, str]:
    """Choose the examples that stay, and say what became of the others.

    Args:
        rows: [tokens] of each example, by side.
        longest: tokens with an end, by side.
        beyond: 'refuse', 'drop' or 'cut'.

    Returns:
        [kept] indices of the examples, and the end of a summary, '' where all fit.

    Raises:
        ValueError: where longer ones are refused, or nothing is left.
    """
    examples = len(next(iter(rows.values())))
    long = np.zeros(examples, bool)
    for side, found in rows.items():
        long |= np.array([len(row) >= longest[side] for row in found], bool)
    places = np.flatnonzero(long)
    limit = ' and '.join(map(str, longest.values()))
    if len(places) and beyond == 'refuse':
        few = ', '.join(str(place + 1) for place in places[:5])
        more = f' and {len(places) - 5} more' if len(places) > 5 else ''
        raise ValueError(
            f'{len(places)} of {examples} examples need more than {limit} tokens with '
            f'their end (numbers {few}{more}), wanted that many at most: raise '
            'longest, '
            "or say beyond='drop' or beyond='cut'"
        )
    kept = np.flatnonzero(~long) if beyond == 'drop' else np.arange(examples)
    if not len(kept):
        raise ValueError(
            f'of {examples} examples none has {limit} tokens or fewer with its end, '
            'wanted one or more: raise longest'
        )
    if not len(places):
        return kept, ''
    what = 'cut to' if beyond == 'cut' else 'left out, being longer than'
    return kept, f', {len(places):,} {what} {limit}'


def _check(longest: int, beyond: str) -> None:
    if longest < 2 or beyond not in BEYOND:
        raise ValueError(
            f'longest is {longest} and beyond {beyond!r}, wanted 2 tokens or more, the '
            f'end included, and one of {", ".join(BEYOND)}'
        )
