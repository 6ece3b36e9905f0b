"""Recurrent model of text, character by character (U3.8)."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import Dense
from dljax.layers.checks import check_fractions
from dljax.layers.lstm import LSTM
from dljax.layers.recurrent_stack import RecurrentStack
from dljax.models.settings import check_sizes
from dljax.types import Array, PyTree


class CharacterModel(nn.Module):
    """Embedded characters, recurrent layers, and the odds of the next character.

    The parameters are in the groups `embedding`, `recurrent` and `output`.

    Attributes:
        vocabulary: the number of tokens, at least 2.
        cell: the recurrent layer, `Elman`, `LSTM` or `GRU` with its settings.
        layers: how many are stacked, at least 1.
        embedding: the width of a token's vector, at least 1.
        dropout: the probability in [0, 1) with which an output is dropped between two
            layers and before the logits; characters are never dropped.
        residual: whether a layer adds its input, where the widths agree.
        stateful: whether the carry of a call in training is the first one of the next:
            truncated backpropagation through time.
        dtype: the type of the computation; None takes that of the parameters.
        param_dtype: the type of the parameters.
        embedding_init: initialiser of the embedding.
        kernel_init: initialiser of the output's weights.

    Raises:
        ValueError: for a size out of range.

    Reference:
        Graves (2013), Generating Sequences With Recurrent Neural Networks,
        https://arxiv.org/abs/1308.0850. He joins all layers to the input and the
        output; here each is joined to the next.
        Zaremba et al. (2014), Recurrent Neural Network Regularization,
        https://arxiv.org/abs/1409.2329; the dropout.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from dljax.layers import GRU
        >>> net, tokens = CharacterModel(30, GRU(8)), jnp.zeros((2, 5), jnp.int32)
        >>> variables = net.init(jax.random.key(0), tokens)
        >>> print(net.apply(variables, tokens).shape)
        (2, 5, 30)
    """

    vocabulary: int = 100
    cell: nn.Module = LSTM(384)
    layers: int = 1
    embedding: int = 64
    dropout: float = 0.0
    residual: bool = False
    stateful: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    embedding_init: Initializer = nn.initializers.normal(1.0)
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.vocabulary < 2 or self.embedding < 1:
            raise ValueError(
                f'vocabulary is {self.vocabulary} and embedding is {self.embedding}, '
                'wanted at least 2 tokens and a width of at least 1'
            )
        check_sizes(layers=self.layers)
        check_fractions(dropout=self.dropout)

    def setup(self) -> None:
        """Make the three parts."""
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.symbols = nn.Embed(
            self.vocabulary,
            self.embedding,
            embedding_init=self.embedding_init,
            name='embedding',
            **types,
        )
        self.recurrent = RecurrentStack(
            self.cell,
            self.layers,
            residual=self.residual,
            dropout=self.dropout,
            stateful=self.stateful,
            **types,
        )
        self.thin = nn.Dropout(self.dropout)
        self.output = Dense(self.vocabulary, kernel_init=self.kernel_init, **types)

    def __call__(self, tokens: Array, *, train: bool = False) -> Array:
        """Predict the character that follows each one.

        Args:
            tokens: [batch, time] int32 in [0, vocabulary).
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, time, vocabulary] logits; those at a time have seen the tokens up
            to it.
        """
        return self.read(tokens, train=train)[0]

    def begin(self, *, steps: int | None = None) -> None:
        """Begin without a carry: `read` takes zeros, or what was kept.

        Args:
            steps: of no effect.
        """

    def read(
        self, tokens: Array, carry: PyTree | None = None, *, train: bool = False
    ) -> tuple[Array, PyTree]:
        """Predict as a call does, from a carry on, and return the next one.

        Args:
            tokens: [batch, time] int32 in [0, vocabulary).
            carry: what an earlier call returned; by default that which was kept, where
                the net is stateful, or zeros.
            train: whether dropout acts.

        Returns:
            [batch, time, vocabulary] logits, and the carry after the last token.
        """
        outputs, carry = self.recurrent(self.symbols(tokens), carry, train=train)
        return self.output(self.thin(outputs, deterministic=not train)), carry
