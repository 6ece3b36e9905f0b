"""A recurrent encoder-decoder that looks back at the source at each step (U3.8)."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    GRU,
    AdditiveAttention,
    Dense,
    InitialCarry,
    RecurrentStack,
    in_types,
)
from dljax.layers.checks import check_fractions
from dljax.models.settings import check_sizes
from dljax.models.translation import (
    check_vocabularies,
    tokens_before,
    write_attending,
)
from dljax.types import Array, PyTree


class AttentionTranslator(nn.Module):
    """Read a sequence of tokens in both directions, and write another one (U3.8).

    The encoder leaves a state h_j for each token of the source. Before step i the
    decoder, in the state s_{i-1}, takes the context c_i = Σ_j α_ij h_j of additive
    attention, reads it beside the token before, and predicts the next token from its
    new state, the context and that token. Its first state is a learned map of the
    encoder's last ones, its first input the end token. The weights α are sown into
    'intermediates' as `weights`, [batch, 1, steps, time], where that is mutable.

    Attributes:
        source_tokens: size of the source vocabulary; 0 is the padding.
        target_tokens: size of the target vocabulary; 0 is the padding, 1 the end.
        embedding: width of the embeddings of both.
        encoder: the layers that read, in both directions or in one.
        decoder: the layers that write, in one direction.
        attention: width of the hidden layer of the attention.
        dropout: the probability in [0, 1) with which an element of the embedded tokens
            and of what the logits are computed from is dropped.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the output's weights.

    Raises:
        ValueError: for a size or a dropout out of range, or a decoder that reads
            backwards.

    Reference:
        Bahdanau et al. (2015), Neural Machine Translation by Jointly Learning to Align
        and Translate, https://arxiv.org/abs/1409.0473; it has a maxout layer before
        the logits, which read state, context and token directly here.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = AttentionTranslator(source_tokens=9, target_tokens=5)
        >>> source, target = jnp.ones((2, 6), jnp.int32), jnp.ones((2, 4), jnp.int32)
        >>> variables = net.init(jax.random.key(0), source, target)
        >>> print(net.apply(variables, source, target).shape)
        (2, 4, 5)
    """

    source_tokens: int = 32
    target_tokens: int = 32
    embedding: int = 64
    encoder: RecurrentStack = RecurrentStack(GRU(128), bidirectional=True)
    decoder: RecurrentStack = RecurrentStack(GRU(128))
    attention: int = 128
    dropout: float = 0.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_vocabularies(self.source_tokens, self.target_tokens)
        check_sizes(embedding=self.embedding, attention=self.attention)
        check_fractions(dropout=self.dropout)
        if self.decoder.bidirectional:
            raise ValueError(
                'decoder is bidirectional, wanted layers in one direction: what is '
                'written is not there yet to be read backwards'
            )

    def setup(self) -> None:
        """Make the layers."""
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.source_embedding = nn.Embed(self.source_tokens, self.embedding, **types)
        self.target_embedding = nn.Embed(self.target_tokens, self.embedding, **types)
        self.reader = in_types(self.encoder, **types)
        self.bridge = InitialCarry(self.decoder, **types)
        self.look = AdditiveAttention(self.attention, **types)
        self.writer = in_types(self.decoder, **types)
        self.thin = nn.Dropout(self.dropout)
        self.output = Dense(self.target_tokens, kernel_init=self.kernel_init, **types)

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
        carry = self.begin(source, source_length, train=train)
        before = tokens_before(target)
        return self.read(before, carry, train=train)[0]

    def begin(
        self,
        source: Array,
        source_length: Array | None = None,
        *,
        steps: int | None = None,
        train: bool = False,
    ) -> PyTree:
        """Read the source, before anything is written.

        Args:
            source: [batch, time] as of `__call__`.
            source_length: [batch] as of `__call__`.
            steps: of no effect, since the carry does not grow.
            train: as of `__call__`.

        Returns:
            The first carry for `read`, of arrays [batch, ...].
        """
        if source_length is None:
            source_length = jnp.full(source.shape[0], source.shape[1], jnp.int32)
        inputs = self.thin(self.source_embedding(source), deterministic=not train)
        memory, last = self.reader(inputs, lengths=source_length, train=train)
        first = self.bridge(jnp.concatenate(jax.tree.leaves(last), axis=-1))
        return first, (memory, self.look.keys(memory), source_length)

    def read(
        self, tokens: Array, carry: PyTree, *, train: bool = False
    ) -> tuple[Array, PyTree]:
        """Predict what follows some tokens, and return the next carry.

        Args:
            tokens: [batch, steps] int32 in [0, target_tokens), the end token first.
            carry: what `begin` or an earlier call returned.
            train: as of `__call__`.

        Returns:
            [batch, steps, target_tokens] logits, and the carry after the last token.
        """
        states, (memory, keys, length) = carry
        inputs = self.thin(self.target_embedding(tokens), deterministic=not train)
        (outputs, contexts, weights), states = write_attending(
            self.look, self.writer, inputs, states, memory, length, keys=keys
        )
        self.sow('intermediates', 'weights', weights[:, None])
        seen = jnp.concatenate([outputs, contexts.astype(outputs.dtype), inputs], -1)
        logits = self.output(self.thin(seen, deterministic=not train))
        return logits, (states, carry[1])
