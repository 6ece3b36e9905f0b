"""A vocabulary of words: those of the training texts that are seen often enough."""

import collections
import dataclasses
import functools
import json
import re
from collections.abc import Iterable

import numpy as np

from dljax.data.tokens import FIXED, UNKNOWN, UNKNOWN_SIGN, before_end, json_fields

_SIGNS = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


@dataclasses.dataclass(frozen=True)
class Words:
    """Words as tokens from 3 on; padding is 0, the end 1, any other word 2.

    Attributes:
        words: each once, the most frequent first, in the form that is looked up.
        lowercase: whether texts are written in small letters first.
        signs: whether a sign such as a comma is a word of its own; otherwise only
            blanks part words, as in texts that were tokenised before.
        letters: whether each character is a word of its own, blanks too.

    Example:
        >>> vocabulary = Words.of(['a dog runs', 'a dog'], minimum=2)
        >>> vocabulary.words, vocabulary.encode('a dog sleeps').tolist()
        (('a', 'dog'), [3, 4, 2])
        >>> print(vocabulary.decode([4, 3, 1, 0]))
        dog a
    """

    words: tuple[str, ...]
    lowercase: bool = False
    signs: bool = False
    letters: bool = False

    def __post_init__(self) -> None:
        fit = all(
            isinstance(word, str) and self._parted(word) == [word]
            for word in self.words
        )
        if not fit or len(set(self.words)) != len(self.words):
            odd = next(
                (
                    w
                    for w in self.words
                    if not isinstance(w, str) or self._parted(w) != [w]
                ),
                'one of them twice',
            )
            raise ValueError(
                f'words hold {odd!r:.60}, wanted each once, and each a word as texts '
                'are parted: make the vocabulary by Words.of'
            )

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        *,
        minimum: int = 1,
        largest: int | None = None,
        lowercase: bool = False,
        signs: bool = False,
        letters: bool = False,
    ) -> 'Words':
        """Collect the words of training texts.

        Args:
            texts: of the training split alone.
            minimum: how often a word has to be seen, 1 or more. With 1 no word of the
                training is unknown, so that nothing is learned about unknown ones.
            largest: words that are kept at most, the most frequent; of those seen
                equally often the first in the alphabet.
            lowercase: write texts in small letters first.
            signs: take a sign such as a comma for a word of its own.
            letters: take each character for one.

        Returns:
            The vocabulary.

        Raises:
            ValueError: for a setting out of range, one text in the place of many, or
                where no word is seen often enough.
        """
        if minimum < 1 or (largest is not None and largest < 1):
            raise ValueError(
                f'minimum is {minimum} and largest {largest}, wanted 1 or more'
            )
        if isinstance(texts, str):
            raise ValueError(
                f'texts are one text, {texts[:40]!r}, wanted a list of texts: '
                'put it in brackets'
            )
        empty = cls((), lowercase, signs, letters)
        counts = collections.Counter(w for text in texts for w in empty._parted(text))
        kept = [word for word, count in counts.items() if count >= minimum]
        if not kept:
            raise ValueError(
                f'of {len(counts):,} words none is seen {minimum} times, wanted one or '
                'more: give more texts, or a smaller minimum'
            )
        kept.sort(key=lambda word: (-counts[word], word))
        return cls(tuple(kept[:largest]), lowercase, signs, letters)

    @classmethod
    def from_json(cls, text: str) -> 'Words':
        """Read what `to_json` wrote.

        Args:
            text: the JSON.

        Returns:
            The vocabulary.

        Raises:
            ValueError: for anything else.
        """
        fields = json_fields(text, 'words')
        words = fields.get('words')
        names = 'lowercase', 'signs', 'letters'
        flags = [flag for flag in map(fields.get, names) if isinstance(flag, bool)]
        if not isinstance(words, list) or len(flags) < len(names):
            raise ValueError(
                f"the vocabulary has {sorted(fields)}, wanted a list 'words', and "
                "'lowercase', 'signs' and 'letters', each true or false"
            )
        return cls(tuple(words), *flags)

    @property
    def size(self) -> int:
        """Number of tokens, the three fixed ones included."""
        return len(self.words) + FIXED

    @functools.cached_property
    def _number(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, FIXED)}

    def _parted(self, text: str) -> list[str]:
        text = text.lower() if self.lowercase else text
        if self.letters:
            return list(text)
        return _SIGNS.findall(text) if self.signs else text.split()

    def encode(self, text: str) -> np.ndarray:
        """Turn a text into tokens, without an end.

        Args:
            text: any.

        Returns:
            [words] int32 in [2, size).
        """
        number = self._number
        found = [number.get(word, UNKNOWN) for word in self._parted(text)]
        return np.array(found, np.int32)

    def decode(self, tokens: np.ndarray | Iterable[int]) -> str:
        """Turn tokens into the text before the first end, blanks between words.

        Args:
            tokens: [tokens] integers in [0, size).

        Returns:
            The text; an unknown word is U+FFFD, padding is left out. Between letters
            there is no blank but those that they are.

        Raises:
            ValueError: for a token out of range.
        """
        table = (UNKNOWN_SIGN,) + self.words
        blank = '' if self.letters else ' '
        return blank.join(table[n - UNKNOWN] for n in before_end(tokens, self.size))

    def to_json(self) -> str:
        """Write the vocabulary as `tokens_from_json` reads it."""
        fields = {'kind': 'words', **dataclasses.asdict(self)}
        return json.dumps(fields, ensure_ascii=False)
