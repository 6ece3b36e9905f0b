"""Text as tokens: files, vocabularies of characters, and windows of a long text."""

import dataclasses
import functools
import json
from collections.abc import Iterable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.tokens import json_fields
from dljax.types import Batch, Key, Source, State

UNKNOWN = 0  # the token of every character that is not in the vocabulary
LONGEST = 2**30  # characters: places of windows are int32


def read_text(path: Path | str, *, shortest: int = 1) -> str:
    """Read a text of the user's own.

    Args:
        path: of a file in UTF-8.
        shortest: characters that it must have.

    Returns:
        The text; line ends are newlines.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not UTF-8, or is too short.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file '{path}', wanted a text in UTF-8: correct the path"
        )
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{path}' is not UTF-8 (byte {error.start}), wanted a text in UTF-8: "
            'convert it, for instance by iconv -t UTF-8'
        ) from None
    if len(text) < shortest:
        raise ValueError(
            f"'{path}' has {len(text):,} characters, wanted {shortest:,} or more: take "
            'a longer text, or smaller windows'
        )
    return text


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The characters of a training text, as tokens from 1 on; 0 is any other one.

    Attributes:
        characters: sorted, each once.

    Example:
        >>> vocabulary = Vocabulary.of('banana')
        >>> vocabulary.encode('nabx').tolist(), vocabulary.decode([2, 1, 0])
        ([3, 1, 2, 0], 'ba\ufffd')
    """

    characters: str

    @classmethod
    def of(cls, text: str) -> 'Vocabulary':
        """Collect the characters of a training text."""
        return cls(''.join(sorted(set(text))))

    @classmethod
    def from_json(cls, text: str) -> 'Vocabulary':
        """Read what `to_json` wrote.

        Args:
            text: the JSON.

        Returns:
            The vocabulary.

        Raises:
            ValueError: for anything else.
        """
        found = json_fields(text, 'characters').get('characters')
        if not isinstance(found, str) or list(found) != sorted(set(found)):
            raise ValueError(
                f"the vocabulary's 'characters' are {found!r:.60}, wanted a text of "
                'characters in their order, each once'
            )
        return cls(found)

    @property
    def size(self) -> int:
        """Number of tokens, that of unknown characters included."""
        return len(self.characters) + 1

    @functools.cached_property
    def _points(self) -> np.ndarray:
        return _code_points(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """Turn a text into tokens.

        Args:
            text: any.

        Returns:
            [characters] int32 in [0, size); 0 where the character is unknown.
        """
        points = _code_points(text)
        place = np.searchsorted(self._points, points)
        place = np.minimum(place, max(len(self._points) - 1, 0))
        known = self._points[place] == points
        return np.where(known, place + 1, UNKNOWN).astype(np.int32)

    def decode(self, tokens: np.ndarray | Iterable[int]) -> str:
        """Turn tokens into text; an unknown character becomes U+FFFD.

        Args:
            tokens: [characters] integers in [0, size).

        Returns:
            The text.

        Raises:
            ValueError: for a token out of range.
        """
        tokens = tokens if isinstance(tokens, np.ndarray) else list(tokens)
        tokens = np.asarray(tokens, np.int64)
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < self.size:
            raise ValueError(
                f'tokens are {tokens.min()} to {tokens.max()}, wanted 0 to '
                f'{self.size - 1}: decode with the vocabulary that encoded'
            )
        table = '\ufffd' + self.characters
        return ''.join(table[token] for token in tokens)

    def to_json(self) -> str:
        """Write the vocabulary as `tokens_from_json` reads it."""
        fields = {'kind': 'characters', **dataclasses.asdict(self)}
        return json.dumps(fields, ensure_ascii=False)


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode('utf-32-le', 'surrogatepass'), np.uint32)


def text_windows(tokens: np.ndarray, batch_size: int, window: int) -> Source:
    """Read a text by several readers at once, each one window further in every batch.

    Reader r begins at r * L / batch_size of L characters, and at the end of the text
    all go on at its beginning, so that nothing is left out. Each window follows upon
    the last one of its reader: the carry of a stateful net fits. Every key reads the
    same.

    Args:
        tokens: [characters] integers from 0 on, at most 2^30 of them.
        batch_size: the number of readers, 1 or more.
        window: characters that a reader reads in one batch, from 1 to L - 1.

    Returns:
        A traced source; position: int32 scalar, how far the readers have come, from 0
        to L - 1; batch: 'tokens' and 'target', the same one character further, both
        [batch_size, window] int32.

    Raises:
        ValueError: for tokens that are no such integers, or a size out of range.

    Example:
        >>> source = text_windows(np.arange(6), batch_size=2, window=2)
        >>> position, batch = source.init(jax.random.key(0))
        >>> batch['tokens'].tolist(), batch['target'].tolist()
        ([[0, 1], [3, 4]], [[1, 2], [4, 5]])
    """
    tokens = _checked(tokens)
    length = len(tokens)
    if batch_size < 1 or not 1 <= window < length:
        raise ValueError(
            f'batch_size is {batch_size} and window {window} for {length} characters, '
            f'wanted 1 or more readers and a window of 1 to {length - 1}: take a '
            'smaller window, or a longer text'
        )
    starts = np.arange(batch_size, dtype=np.int64) * length // batch_size
    places = starts[:, None] + np.arange(window + 1)[None, :]
    places, text = jnp.asarray(places % length, jnp.int32), jnp.asarray(tokens)

    def batch_at(position: jax.Array) -> Batch:
        read = text[(places + position) % length]
        return {'tokens': read[:, :-1], 'target': read[:, 1:]}

    def init(key: Key) -> tuple[jax.Array, Batch]:
        position = jnp.zeros((), jnp.int32)
        return position, batch_at(position)

    def after(key: Key, position: jax.Array, state: State) -> tuple[jax.Array, Batch]:
        del key, state
        return (position + window) % length, batch_at(position)

    # For the checks before training, the whole text is one example.
    everything = {'tokens': tokens[None], 'target': np.roll(tokens, -1)[None]}
    return Source(init, after, arrays=everything)


def scored_windows(
    tokens: np.ndarray, first: int, *, window: int, context: int
) -> dict[str, np.ndarray]:
    """Cut a text into rows that score each character of its end exactly once.

    A row reads `context` characters before those that it scores, so that a net without
    memory of the last row knows nearly as much as if it had read on and on.

    Args:
        tokens: [characters] integers: the text.
        first: the first character that is scored, 1 or more, as there must be one
            before it; all from it on are.
        window: characters scored in a row, 1 or more.
        context: characters read before them, 1 or more; fewer only where the text does
            not have them.

    Returns:
        'tokens' and 'target' (the same one character further), [rows, context + window
        - 1] int32, and 'weight' of the same shape, float32: 0 for what is not scored,
        else rows / characters scored, so that the mean over the rows of the weighted
        sums is the mean over the characters.

    Raises:
        ValueError: for tokens that are no such integers, or a number out of range.

    Example:
        >>> rows = scored_windows(np.arange(6), 3, window=2, context=2)
        >>> rows['target'].tolist(), (rows['weight'] > 0).astype(int).tolist()
        ([[2, 3, 4], [4, 5, 0]], [[0, 1, 1], [0, 1, 0]])
    """
    tokens = _checked(tokens)
    length = len(tokens)
    if not 1 <= first < length or window < 1 or context < 1:
        raise ValueError(
            f'first is {first}, window {window} and context {context} for {length} '
            f'characters, wanted first from 1 to {length - 1} and the others of 1 or '
            'more'
        )
    scored = np.arange(first, length, window)
    starts = np.maximum(scored - context, 0)
    places = starts[:, None] + np.arange(context + window)[None, :]
    rows = np.where(places < length, tokens[np.minimum(places, length - 1)], 0)
    target, end = places[:, 1:], np.minimum(scored + window, length)
    counts = (target >= scored[:, None]) & (target < end[:, None])
    return {
        'tokens': rows[:, :-1],
        'target': rows[:, 1:],
        'weight': np.float32(len(scored) / (length - first)) * counts,
    }


def _checked(tokens: np.ndarray) -> np.ndarray:
    tokens = np.asarray(tokens)
    if tokens.ndim != 1 or tokens.dtype.kind not in 'iu' or len(tokens) > LONGEST:
        raise ValueError(
            f'tokens have type {tokens.dtype} and shape {tokens.shape}, wanted a row '
            f'of at most {LONGEST} integers: encode the text by a Vocabulary'
        )
    if tokens.size and not 0 <= tokens.min() <= tokens.max() < 2**31:
        raise ValueError(
            f'tokens are {tokens.min()} to {tokens.max()}, wanted 0 or more: encode '
            'the text by a Vocabulary'
        )
    return tokens.astype(np.int32)
