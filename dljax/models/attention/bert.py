"""An encoder that is trained to fill gaps, and BERT by name (U3.9)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    Dense,
    LearnedPositions,
    TransformerBlock,
    TransformerStack,
    by_rows,
    length_mask,
)
from dljax.layers.checks import check_fractions
from dljax.layers.dot_product import Implementation
from dljax.models.settings import check_sizes, settings_of
from dljax.types import Array

_normal = nn.initializers.truncated_normal(0.02)


class Bert(nn.Module):
    """Blocks over embedded tokens, each of which reads all others (U3.9).

    Learned vectors of token, position and segment are added and normalised; blocks with
    the norm last follow. The parameters are in the groups `embedding`, `segments`,
    `positions`, `embedding_norm` and `encoder`; `pooler` of a call; `masked` of `fill`.

    Attributes:
        vocabulary: the number of tokens, at least 2.
        context: the most tokens of a sequence, at least 1.
        segments: of how many kinds a token can be, such as of two sentences.
        width: of a token's vector, a multiple of `heads`.
        layers: how many blocks, at least 1.
        heads: of each attention.
        hidden: width of the feed-forward nets, at least 1.
        dropout: the probability in [0, 1) with which an element of the embedded tokens,
            of an attention weight or of what a sub-layer adds is dropped.
        activation: of the feed-forward nets; by default GELU itself.
        epsilon: added to the variance in the norms.
        remat: whether the backward pass computes the inside of each block anew.
        implementation: of the attention, see `layers.attend`.
        dtype: the type of the computation; None takes that of the parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of all weights and vectors.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Devlin et al. (2019), BERT: Pre-training of Deep Bidirectional Transformers for
        Language Understanding, https://arxiv.org/abs/1810.04805

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = Bert(30, context=8, width=8, layers=2, heads=2, hidden=16)
        >>> tokens, length = jnp.zeros((2, 5), jnp.int32), jnp.array([5, 3])
        >>> (states, pooled), _ = net.init_with_output(
        ...     jax.random.key(0), tokens, length)
        >>> print(states.shape, pooled.shape)
        (2, 5, 8) (2, 8)
    """

    vocabulary: int = 30522
    context: int = 512
    segments: int = 2
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    dropout: float = 0.1
    activation: Callable[[Array], Array] = partial(jax.nn.gelu, approximate=False)
    epsilon: float = 1e-12
    remat: bool = False
    implementation: Implementation = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = _normal

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(context=self.context, segments=self.segments, width=self.width)
        check_sizes(layers=self.layers, heads=self.heads, hidden=self.hidden)
        check_fractions(dropout=self.dropout)
        if self.vocabulary < 2 or self.width % self.heads:
            raise ValueError(
                f'vocabulary is {self.vocabulary}, width {self.width} and heads '
                f'{self.heads}, wanted at least 2 tokens, and a width that is a '
                'multiple of the heads'
            )

    def setup(self) -> None:
        """Make the layers."""
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        vectors = {'embedding_init': self.kernel_init, **types}
        self.embedding = nn.Embed(self.vocabulary, self.width, **vectors)
        self.segment_embedding = nn.Embed(
            self.segments, self.width, name='segments', **vectors
        )
        self.positions = LearnedPositions(self.context, **vectors)
        self.embedding_norm = nn.LayerNorm(
            self.epsilon, use_fast_variance=False, **types
        )
        self.thin = nn.Dropout(self.dropout)
        block = TransformerBlock(
            hidden=self.hidden,
            heads=self.heads,
            activation=self.activation,
            dropout=self.dropout,
            attention_dropout=self.dropout,
            epsilon=self.epsilon,
            implementation=self.implementation,
            kernel_init=self.kernel_init,
            parent=None,
        )
        self.encoder = TransformerStack(block, self.layers, remat=self.remat, **types)
        self.pooler = nn.Dense(self.width, kernel_init=self.kernel_init, **types)
        self.masked = _MaskedHead(
            self.activation, self.epsilon, kernel_init=self.kernel_init, **types
        )

    def __call__(
        self,
        tokens: Array,
        length: Array | None = None,
        segment: Array | None = None,
        *,
        train: bool = False,
    ) -> tuple[Array, Array]:
        """Read a sequence, and sum it up by what is made of its first token.

        Args:
            tokens: [batch, time] int32 in [0, vocabulary), at most `context` of them,
                padded at the end.
            length: [batch] int32 in [1, time], true steps; None for all.
            segment: [batch, time] int32 in [0, segments), the kind of each token; None
                for kind 0 throughout.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            The states [batch, time, width], and their summary [batch, width] in
            (-1, 1), a learned map of the first.
        """
        states = self.encode(tokens, length, segment, train=train)
        return states, jnp.tanh(self.pooler(states[:, 0]))

    def encode(
        self,
        tokens: Array,
        length: Array | None = None,
        segment: Array | None = None,
        *,
        train: bool = False,
    ) -> Array:
        """Read a sequence.

        Args:
            tokens: [batch, time] as of `__call__`.
            length: [batch] as of `__call__`.
            segment: [batch, time] as of `__call__`.
            train: as of `__call__`.

        Returns:
            [batch, time, width].
        """
        segment = jnp.zeros_like(tokens) if segment is None else segment
        x = self.embedding(tokens) + self.segment_embedding(segment)
        x = self.embedding_norm(self.positions(x))
        x = self.thin(x, deterministic=not train)
        mask = None if length is None else length_mask(length, tokens.shape[1])
        return self.encoder(x, None, mask, train=train)

    def fill(
        self,
        tokens: Array,
        length: Array | None = None,
        segment: Array | None = None,
        *,
        train: bool = False,
    ) -> Array:
        """Tell which token stands, or should stand, at each place.

        Args:
            tokens: [batch, time] as of `__call__`.
            length: [batch] as of `__call__`.
            segment: [batch, time] as of `__call__`.
            train: as of `__call__`.

        Returns:
            [batch, time, vocabulary] logits, products with the token vectors.
        """
        states = self.encode(tokens, length, segment, train=train)
        return self.masked(states, self.embedding)


class _MaskedHead(nn.Module):
    """A dense layer, a norm, and products with the token vectors."""

    activation: Callable[[Array], Array]
    epsilon: float
    kernel_init: Initializer
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, states: Array, embedding: nn.Embed) -> Array:
        """Compute the logits.

        Args:
            states: [batch, time, width] float.
            embedding: of the tokens.

        Returns:
            [batch, time, vocabulary] logits.
        """
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        width, count = states.shape[-1], embedding.num_embeddings
        dense = Dense(width, kernel_init=self.kernel_init, name='hidden', **types)
        norm = nn.LayerNorm(self.epsilon, use_fast_variance=False, name='norm', **types)
        bias = self.param('bias', nn.initializers.zeros, (count,), self.param_dtype)
        logits = by_rows(embedding.attend, norm(self.activation(dense(states))))
        return logits + bias.astype(logits.dtype)[None, None]


@settings_of(Bert)
def bert_base(**settings: Any) -> Bert:
    """Make BERT-base: 109,482,240 parameters with its pooler.

    With what fills gaps and without the pooler there are 109,514,298.

    Args:
        **settings: the attributes of `Bert`.

    Returns:
        The net.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Devlin et al. (2019), BERT: Pre-training of Deep Bidirectional Transformers for
        Language Understanding, https://arxiv.org/abs/1810.04805

    Example:
        >>> bert_base().layers
        12
    """
    return Bert(**settings)
