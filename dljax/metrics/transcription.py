"""How much of a transcript is wrong: edit distance, and rates made of it."""

from collections.abc import Callable, Hashable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dljax.types import Array


def edit_distance(prediction: Sequence[Hashable], target: Sequence[Hashable]) -> int:
    """Count the insertions, deletions and substitutions between two sequences.

    d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [a_i ≠ b_j]), the fewest
    edits that make one sequence of the other.

    Args:
        prediction: tokens; of a text its characters.
        target: tokens.

    Returns:
        A number from 0 to the longer length.

    Reference:
        Wagner, Fischer (1974), The String-to-String Correction Problem,
        https://doi.org/10.1145/321796.321811

    Example:
        >>> edit_distance('kitten', 'sitting')
        3
    """
    numbers: dict[Hashable, int] = {}
    first, second = (
        np.array([numbers.setdefault(token, len(numbers)) for token in tokens], int)
        for tokens in (prediction, target)
    )
    places = np.arange(len(second) + 1)
    row = places
    for count, token in enumerate(first, 1):
        above = np.minimum(row[1:] + 1, row[:-1] + (second != token))
        # What is inserted from the left on costs a place each.
        best = np.concatenate([[count], above]) - places
        row = np.minimum.accumulate(best) + places
    return int(row[-1])


def edit_distances(
    predictions: Array,
    targets: Array,
    lengths: Array | None = None,
    target_lengths: Array | None = None,
) -> Array:
    """Compute the edit distance of each example of a batch of padded tokens.

    As `edit_distance`, for compiled functions, such as the score of a net.

    Args:
        predictions: [batch, time] integers.
        targets: [batch, places] integers.
        lengths: [batch] integers in [0, time], true tokens; None for all.
        target_lengths: [batch] integers in [0, places]; None for all.

    Returns:
        [batch] int32; divided by the target's length, its error rate.

    Raises:
        ValueError: for arrays that are not of one batch.

    Reference:
        Wagner, Fischer (1974), The String-to-String Correction Problem,
        https://doi.org/10.1145/321796.321811

    Example:
        >>> predictions, targets = jnp.array([[1, 2, 3, 0]]), jnp.array([[1, 3, 0]])
        >>> print(edit_distances(predictions, targets, jnp.array([3]), jnp.array([2])))
        [1]
    """
    if predictions.ndim != 2 or targets.ndim != 2 or len(predictions) != len(targets):
        raise ValueError(
            f'predictions have shape {predictions.shape} and targets {targets.shape}, '
            'wanted [batch, time] and [batch, places] of one batch'
        )
    batch, time = predictions.shape
    ends = jnp.full(batch, time) if lengths is None else jnp.asarray(lengths)
    last = targets.shape[1] if target_lengths is None else jnp.asarray(target_lengths)
    last = jnp.broadcast_to(last, (batch,))
    places = jnp.arange(targets.shape[1] + 1, dtype=jnp.int32)[None, :]

    def step(row: Array, read: tuple[Array, Array]) -> tuple[Array, None]:
        token, count = read
        wrong = (targets != token[:, None]).astype(jnp.int32)
        above = jnp.minimum(row[:, 1:] + 1, row[:, :-1] + wrong)
        start = jnp.broadcast_to(count, (batch, 1))
        best = jnp.concatenate([start, above], axis=1) - places
        after = jax.lax.cummin(best, axis=1) + places
        return jnp.where((count <= ends)[:, None], after, row), None

    first = jnp.broadcast_to(places, (batch, places.shape[1]))
    counts = jnp.arange(1, time + 1, dtype=jnp.int32)
    row, _ = jax.lax.scan(step, first, (jnp.asarray(predictions).T, counts))
    return jnp.take_along_axis(row, last[:, None], axis=1)[:, 0]


def word_error_rate(predictions: Sequence[str], targets: Sequence[str]) -> float:
    """Divide the edits of words by the words of the targets, over a whole corpus.

    Words are what white space parts. Case and punctuation count: take them out before,
    from both sides, where they should not.

    Args:
        predictions: a text for each example.
        targets: what was said, in as many texts.

    Returns:
        At least 0, and above 1 where more is wrong than there is.

    Raises:
        ValueError: for other numbers of texts, what is no text, or targets without a
            word.

    Example:
        >>> word_error_rate(['the cat sat', 'no'], ['the cat sat down', 'no'])
        0.2
    """
    return _rate(predictions, targets, str.split)


def character_error_rate(predictions: Sequence[str], targets: Sequence[str]) -> float:
    """Divide the edits of characters by the characters of the targets.

    Spaces are characters; otherwise as `word_error_rate`.

    Args:
        predictions: a text for each example.
        targets: what was said, in as many texts.

    Returns:
        At least 0, and above 1 where more is wrong than there is.

    Raises:
        ValueError: for other numbers of texts, what is no text, or targets without a
            character.

    Example:
        >>> character_error_rate(['hallo'], ['hello'])
        0.2
    """
    return _rate(predictions, targets, list)


def _rate(
    predictions: Sequence[str],
    targets: Sequence[str],
    split: Callable[[str], list[str]],
) -> float:
    lists = not isinstance(predictions, str) and not isinstance(targets, str)
    if not lists or len(predictions) != len(targets):
        raise ValueError(
            f'{len(predictions)} predictions and {len(targets)} targets, wanted a list '
            'of texts each, as many of one as of the other'
        )
    edits = size = 0
    for number, pair in enumerate(zip(predictions, targets, strict=True)):
        if not all(isinstance(text, str) for text in pair):
            raise ValueError(
                f'example {number} is {pair!r}, wanted two texts: join tokens '
                'first, or take edit_distance'
            )
        prediction, target = map(split, pair)
        edits += edit_distance(prediction, target)
        size += len(target)
    if not size:
        raise ValueError('the targets are empty, wanted something that was to be said')
    return edits / size
