"""Byte pairs: units between characters and words, learned from the user's own text."""

import dataclasses
import importlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from dljax.data.tokens import FIXED, UNKNOWN, UNKNOWN_SIGN, before_end, json_fields

BYTES = 256  # every text can be written in them, so that nothing is unknown


@dataclasses.dataclass(frozen=True, eq=False)
class BytePairs:
    """Frequent sequences of bytes as tokens from 3 on; padding is 0, the end 1.

    Training begins with the 256 bytes and joins the most frequent pair of neighbours
    to a new token until there are enough. No pair reaches over a blank before a word,
    and every text comes back as it was, byte for byte.

    Attributes:
        tokenizer: of the library `tokenizers`, which counts from 0.

    Reference:
        Sennrich et al. (2016), Neural Machine Translation of Rare Words with Subword
        Units, https://arxiv.org/abs/1508.07909
        Radford et al. (2019), Language Models are Unsupervised Multitask Learners,
        section 2.2, https://openai.com/research/better-language-models; bytes in the
        place of characters.
    """

    tokenizer: Any

    @classmethod
    def of(cls, texts: Iterable[str], size: int, *, minimum: int = 2) -> 'BytePairs':
        """Learn the pairs of training texts.

        Args:
            texts: of the training split alone.
            size: tokens at most, the three fixed ones and the 256 bytes included; with
                few texts there are fewer.
            minimum: how often a pair has to be seen to be joined, 1 or more.

        Returns:
            The vocabulary.

        Raises:
            ImportError: where the library `tokenizers` is not installed.
            ValueError: for a setting out of range, or one text in the place of many.
        """
        if size < FIXED + BYTES or minimum < 1:
            raise ValueError(
                f'size is {size} and minimum {minimum}, wanted {FIXED + BYTES} or more '
                'tokens (3 fixed ones, 256 bytes) and 1 or more'
            )
        if isinstance(texts, str):
            raise ValueError(
                f'texts are one text, {texts[:40]!r}, wanted a list of texts: '
                'put it in brackets'
            )
        library = _library()
        levels = library.pre_tokenizers.ByteLevel
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = levels(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=size - FIXED,
            min_frequency=minimum,
            initial_alphabet=levels.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def from_json(cls, text: str) -> 'BytePairs':
        """Read what `to_json` wrote.

        Args:
            text: the JSON.

        Returns:
            The vocabulary.

        Raises:
            ImportError: where the library `tokenizers` is not installed.
            ValueError: for anything else.
        """
        fields = json_fields(text, 'byte pairs')
        library = _library()
        try:
            tokenizer = library.Tokenizer.from_str(json.dumps(fields.get('tokenizer')))
        except Exception as error:  # the library raises no class of its own
            raise ValueError(
                f"the vocabulary's 'tokenizer' cannot be read ({str(error)[:200]}), "
                'wanted what to_json() wrote'
            ) from None
        levels = library.pre_tokenizers.ByteLevel
        vocabulary = tokenizer.get_vocab()
        missing = set(levels.alphabet()) - vocabulary.keys()
        counted = set(vocabulary.values()) == set(range(len(vocabulary)))
        if missing or not counted or not isinstance(tokenizer.pre_tokenizer, levels):
            raise ValueError(
                f"the vocabulary's 'tokenizer' lacks {len(missing)} of {BYTES} bytes, "
                'is not numbered from 0 on, or does not part texts into bytes, wanted '
                'what to_json() wrote'
            )
        return cls(tokenizer)

    @property
    def size(self) -> int:
        """Number of tokens, the three fixed ones included."""
        return self.tokenizer.get_vocab_size() + FIXED

    def encode(self, text: str) -> np.ndarray:
        """Turn a text into tokens, without an end.

        Args:
            text: any.

        Returns:
            [tokens] int32 in [3, size).
        """
        found = self.tokenizer.encode(text, add_special_tokens=False).ids
        return np.array(found, np.int32) + np.int32(FIXED)

    def decode(self, tokens: np.ndarray | Iterable[int]) -> str:
        """Turn tokens into the text before the first end.

        Args:
            tokens: [tokens] integers in [0, size).

        Returns:
            The text; an unknown token is U+FFFD, and so are bytes that make up no
            character; padding is left out.

        Raises:
            ValueError: for a token out of range.
        """
        found = before_end(tokens, self.size)
        known = np.split(found, np.flatnonzero(found == UNKNOWN))
        return UNKNOWN_SIGN.join(
            self.tokenizer.decode((part[part != UNKNOWN] - FIXED).tolist())
            for part in known
        )

    def to_json(self) -> str:
        """Write the vocabulary as `tokens_from_json` reads it."""
        fields = json.loads(self.tokenizer.to_str())
        return json.dumps({'kind': 'byte pairs', 'tokenizer': fields})


def _library() -> Any:
    try:
        for part in ('decoders', 'models', 'pre_tokenizers', 'trainers'):
            importlib.import_module(f'tokenizers.{part}')
        return importlib.import_module('tokenizers')
    except ImportError as error:
        raise ImportError(
            f'byte pairs are learned by the library tokenizers ({error}), wanted it '
            "installed: pip install 'dljax[text]', or take words, data.Words"
        ) from error
