"""The transformer: a sequence of tokens out of another one, by attention (U3.9)."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    Dense,
    SinusoidalPositions,
    TransformerBlock,
    TransformerStack,
    by_rows,
    length_mask,
)
from dljax.layers.checks import check_fractions
from dljax.layers.dot_product import Implementation
from dljax.models.settings import check_sizes
from dljax.models.translation import check_vocabularies, tokens_before
from dljax.types import Array, PyTree


class Transformer(nn.Module):
    """Read a sequence of tokens by an encoder, then write another one (U3.9).

    Token vectors times √width and sinusoids of their positions are added. Blocks of the
    encoder read all of the source; causal ones of the decoder read what is written so
    far and what the encoder made of the source. The decoder's first input is the end
    token, each further one the token before; it stops at an end token. The default is
    the paper's base model, of 63,082,496 parameters for 37,000 tokens; it says 65 M.

    Attributes:
        source_tokens: size of the source vocabulary; 0 is the padding.
        target_tokens: size of the target vocabulary; 0 is the padding, 1 the end.
        width: of a token's vector, a multiple of `heads`.
        layers: blocks of the encoder, and of the decoder, at least 1.
        heads: of each attention.
        hidden: width of the feed-forward nets, at least 1.
        shared: which share a matrix: 'all' three of the source's embedding, the
            target's and the output, of a joint vocabulary; 'output' and the target's
            embedding; or 'none'.
        dropout: the probability in [0, 1) with which an element of the embedded tokens
            or of what a sub-layer adds is dropped.
        attention_dropout: that of an attention weight.
        norm_first: whether the norm stands before a sub-layer and not behind the sum.
        activation: of the feed-forward nets.
        remat: whether the backward pass computes the inside of each block anew.
        implementation: of the attention, see `layers.attend`.
        dtype: the type of the computation; None takes that of the parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights of the blocks. Token vectors start at a
            standard deviation of 1 / √width.

    Raises:
        ValueError: for a setting out of range, or vocabularies of two sizes that are to
            share a matrix.

    Reference:
        Vaswani et al. (2017), Attention Is All You Need,
        https://arxiv.org/abs/1706.03762

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = Transformer(9, 9, width=8, layers=1, heads=2, hidden=16)
        >>> source, target = jnp.ones((2, 6), jnp.int32), jnp.ones((2, 4), jnp.int32)
        >>> variables = net.init(jax.random.key(0), source, target)
        >>> print(net.apply(variables, source, target).shape)
        (2, 4, 9)
    """

    source_tokens: int = 37000
    target_tokens: int = 37000
    width: int = 512
    layers: int = 6
    heads: int = 8
    hidden: int = 2048
    shared: Literal['all', 'output', 'none'] = 'all'
    dropout: float = 0.1
    attention_dropout: float = 0.0
    norm_first: bool = False
    activation: Callable[[Array], Array] = jax.nn.relu
    remat: bool = False
    implementation: Implementation = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.glorot_uniform()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_vocabularies(self.source_tokens, self.target_tokens)
        check_sizes(width=self.width, layers=self.layers)
        check_sizes(heads=self.heads, hidden=self.hidden)
        check_fractions(dropout=self.dropout, attention_dropout=self.attention_dropout)
        if self.width % self.heads or self.width % 2:
            raise ValueError(
                f'width is {self.width} and heads is {self.heads}, wanted an even '
                'width that is a multiple of the heads'
            )
        if self.shared not in ('all', 'output', 'none'):
            known = "'all', 'output' or 'none'"
            raise ValueError(f'shared is {self.shared!r}, wanted {known}')
        if self.shared == 'all' and self.source_tokens != self.target_tokens:
            raise ValueError(
                f'source_tokens is {self.source_tokens} and target_tokens '
                f"{self.target_tokens}, wanted one number, since shared is 'all'"
            )

    def setup(self) -> None:
        """Make the layers."""
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        vectors = {'features': self.width, **types}
        vectors['embedding_init'] = nn.initializers.normal(self.width**-0.5)
        if self.shared == 'all':
            self.embedding = nn.Embed(self.target_tokens, **vectors)
        else:
            self.source_embedding = nn.Embed(self.source_tokens, **vectors)
            self.target_embedding = nn.Embed(self.target_tokens, **vectors)
        if self.shared == 'none':
            self.output = Dense(self.target_tokens, use_bias=False, **types)
        self.source_positions = SinusoidalPositions()
        self.target_positions = SinusoidalPositions()
        self.thin = nn.Dropout(self.dropout)
        self.encoder = self._stack(causal=False)
        self.decoder = self._stack(causal=True)

    @nn.nowrap
    def _stack(self, causal: bool) -> TransformerStack:
        block = TransformerBlock(
            hidden=self.hidden,
            heads=self.heads,
            causal=causal,
            norm_first=self.norm_first,
            activation=self.activation,
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
            implementation=self.implementation,
            kernel_init=self.kernel_init,
            parent=None,
        )
        return TransformerStack(
            block,
            self.layers,
            remat=self.remat,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
        )

    def __call__(
        self,
        source: Array,
        target: Array,
        source_length: Array | None = None,
        *,
        train: bool = False,
    ) -> Array:
        """Compute the logits of all steps, each fed with the true token before it.

        Args:
            source: [batch, time] int32 in [0, source_tokens), padded at the end.
            target: [batch, steps] int32 in [0, target_tokens), padded at the end; its
                end token is a step like others. What is in its padding is of no effect
                on the steps before.
            source_length: [batch] int32 in [1, time], true steps; None for all.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, steps, target_tokens] logits.
        """
        memory = self.encode(source, source_length, train=train)
        before = tokens_before(target)
        return self.decode(before, memory, source_length, train=train)

    def encode(
        self, source: Array, source_length: Array | None = None, *, train: bool = False
    ) -> Array:
        """Read the source.

        Args:
            source: [batch, time] as of `__call__`.
            source_length: [batch] as of `__call__`.
            train: as of `__call__`.

        Returns:
            [batch, time, width], what the encoder makes of each step.
        """
        embedding = self.embedding if self.shared == 'all' else self.source_embedding
        x = self.source_positions(embedding(source) * self.width**0.5)
        x = self.thin(x, deterministic=not train)
        return self.encoder(x, None, _mask(source_length, source), train=train)

    def decode(
        self,
        before: Array,
        memory: Array,
        source_length: Array | None = None,
        *,
        cache_length: int | None = None,
        train: bool = False,
    ) -> Array:
        """Write some steps.

        Args:
            before: [batch, steps] int32, the token before each step.
            memory: [batch, time, width] of `encode`.
            source_length: [batch] as of `__call__`.
            cache_length: steps that the collection 'cache' holds, with which a call
                goes on where the last one ended; None for no cache.
            train: as of `__call__`.

        Returns:
            [batch, steps, target_tokens] logits.
        """
        embedding = self.embedding if self.shared == 'all' else self.target_embedding
        x = embedding(before) * self.width**0.5
        x = self.target_positions(x, cached=cache_length is not None)
        x = self.decoder(
            self.thin(x, deterministic=not train),
            memory,
            None,
            _mask(source_length, memory),
            cache_length=cache_length,
            train=train,
        )
        if self.shared == 'none':
            return self.output(x)
        return by_rows(embedding.attend, x)

    def begin(
        self, source: Array, source_length: Array | None = None, *, steps: int
    ) -> PyTree:
        """Read the source, before anything is written.

        Args:
            source: [batch, time] as of `__call__`.
            source_length: [batch] as of `__call__`.
            steps: the most tokens that will be read.

        Returns:
            The first carry for `read`, of arrays [batch, ...].
        """
        if source_length is None:
            source_length = jnp.full(source.shape[0], source.shape[1], jnp.int32)
        read = self.encode(source, source_length), source_length
        return self._written(jnp.int32(source[:, :0]), read, {}, steps)[1]

    def read(self, tokens: Array, carry: PyTree) -> tuple[Array, PyTree]:
        """Predict what follows some tokens, and return the next carry.

        Args:
            tokens: [batch, time] int32 in [0, target_tokens), the end token first.
            carry: what `begin` or an earlier call returned.

        Returns:
            [batch, time, target_tokens] logits, and the carry after the last token, of
            arrays [batch, ...].
        """
        read, cache = carry
        kept = cache['cache']['decoder']['layer_0']['attention']['cached_key']
        return self._written(tokens, read, cache, kept.shape[1])

    def _written(
        self, tokens: Array, read: tuple[Array, Array], cache: PyTree, steps: int
    ) -> tuple[Array, PyTree]:
        net, variables = self.unbind()
        logits, cache = net.apply(
            {'params': variables['params'], **cache},
            tokens,
            *read,
            cache_length=steps,
            method='decode',
            mutable='cache',
        )
        return logits, (read, cache)


def _mask(length: Array | None, sequence: Array) -> Array | None:
    return None if length is None else length_mask(length, sequence.shape[1])
