"""Recurrent layers over the words of a text (U3.8)."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import LSTM, RecurrentStack
from dljax.losses.meaning import nan_beyond
from dljax.models.recurrent import SequenceClassifier
from dljax.models.settings import check_settings
from dljax.types import Array


class TextClassifier(nn.Module):
    """Embedded words, recurrent layers, and one answer of what they end with.

    Attributes:
        vocabulary: the number of words; 0 is the padding.
        classes: the number of logits, at least 2.
        embedding: width of a word's vector.
        stack: the recurrent layers.
        average: whether the mean of all states counts instead of the last.
        dropout: the probability in [0, 1) with which an element of the embedded words
            and of what the logits are computed from is dropped.
        dtype: the type of the computation; None takes that of the parameters.
        param_dtype: the type of the parameters.
        embedding_init: initialiser of the words' vectors.
        kernel_init: initialiser of the output's weights.

    Raises:
        ValueError: for a size or a dropout out of range.

    Reference:
        Schuster, Paliwal (1997), Bidirectional Recurrent Neural Networks,
        https://doi.org/10.1109/78.650093

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = TextClassifier(vocabulary=9, embedding=4)
        >>> tokens, length = jnp.array([[3, 4, 5, 0], [6, 0, 0, 0]]), jnp.array([3, 1])
        >>> logits, _ = net.init_with_output(jax.random.key(0), tokens, length)
        >>> print(logits.shape)
        (2, 2)
    """

    vocabulary: int = 20_000
    classes: int = 2
    embedding: int = 100
    stack: RecurrentStack = RecurrentStack(LSTM(128), bidirectional=True)
    average: bool = False
    dropout: float = 0.5
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    embedding_init: Initializer = nn.initializers.normal(0.1)
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_settings(
            self.classes,
            {'dropout': self.dropout},
            vocabulary=self.vocabulary,
            embedding=self.embedding,
        )

    def setup(self) -> None:
        """Make the layers."""
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.words = nn.Embed(
            self.vocabulary,
            self.embedding,
            embedding_init=self.embedding_init,
            **types,
        )
        self.thin = nn.Dropout(self.dropout)
        self.reader = SequenceClassifier(
            self.classes,
            self.stack,
            average=self.average,
            dropout=self.dropout,
            kernel_init=self.kernel_init,
            **types,
        )

    def __call__(
        self, tokens: Array, length: Array | None = None, *, train: bool = False
    ) -> Array:
        """Compute the logits.

        Args:
            tokens: [batch, time] int32 in [0, vocabulary), padded at the end; a word
                that is none makes the logits of its text NaN.
            length: [batch] int32 in [1, time], true words; None for all.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, classes] logits.
        """
        many = tokens.shape[1]
        if length is None:
            length = jnp.full(tokens.shape[0], many)
        true = jnp.arange(many)[None] < length[:, None]
        words = self.words(tokens)
        known = nan_beyond(tokens, self.vocabulary).astype(words.dtype)
        words = jnp.where(true[..., None], words * known[..., None], 0)
        words = self.thin(words, deterministic=not train)
        return self.reader(words, length, train=train)
