"""What every tokenizer has, whatever its tokens stand for."""

import json
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

PADDING, END, UNKNOWN = 0, 1, 2  # the first tokens of every vocabulary
KINDS = ('words', 'byte pairs', 'characters')
FIXED = 3  # how many of them there are
UNKNOWN_SIGN = '\ufffd'  # what stands for an unknown token in a text


class Tokens(Protocol):
    """Texts as integers and back: padding is 0, the end 1, what is unknown 2.

    Words and byte pairs have this form; who encodes asks for nothing else. The
    `Vocabulary` of a long text, which neither pads nor ends, has its methods too.
    """

    @property
    def size(self) -> int:
        """Number of tokens, the three fixed ones included."""
        ...

    def encode(self, text: str) -> np.ndarray:
        """Turn a text into tokens, [tokens] int32, without an end."""
        ...

    def decode(self, tokens: np.ndarray | Iterable[int]) -> str:
        """Turn tokens into the text before the first end, padding left out."""
        ...

    def to_json(self) -> str:
        """Write the vocabulary as `tokens_from_json` reads it."""
        ...


def before_end(tokens: np.ndarray | Iterable[int], size: int) -> np.ndarray:
    """Give the tokens before the first end, without padding.

    Args:
        tokens: [tokens] integers in [0, size).
        size: of the vocabulary.

    Returns:
        [tokens] int64, 2 or more each.

    Raises:
        ValueError: for what is no row of integers, or a token out of range.

    Example:
        >>> before_end([5, 0, 4, 1, 3], 6).tolist()
        [5, 4]
    """
    found = np.asarray(tokens if isinstance(tokens, np.ndarray) else list(tokens))
    if found.ndim != 1 or (found.size and found.dtype.kind not in 'iu'):
        raise ValueError(
            f'tokens have type {found.dtype} and shape {found.shape}, wanted one row '
            'of integers: decode one text at a time'
        )
    found = found.astype(np.int64)
    if found.size and not 0 <= found.min() <= found.max() < size:
        raise ValueError(
            f'tokens are {found.min()} to {found.max()}, wanted 0 to {size - 1}: '
            'decode with the vocabulary that encoded'
        )
    ends = np.flatnonzero(found == END)
    found = found[: ends[0]] if len(ends) else found
    return found[found != PADDING]


def json_fields(text: str, kind: str | None = None) -> dict[str, Any]:
    """Read a vocabulary's JSON as far as its kind.

    Args:
        text: as `to_json` writes it.
        kind: that is wanted, if one alone will do.

    Returns:
        Its fields.

    Raises:
        ValueError: for what is no such object.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f'the vocabulary is no JSON ({error}), wanted what to_json() wrote'
        ) from None
    wanted = (kind,) if kind else KINDS
    if not isinstance(fields, dict) or fields.get('kind') not in wanted:
        got = fields.get('kind') if isinstance(fields, dict) else type(fields).__name__
        raise ValueError(
            f'the vocabulary is of kind {got!r:.60}, wanted '
            f'{" or ".join(map(repr, wanted))}: give what to_json() wrote'
        )
    return fields
