"""Encoder-decoder: a sequence out of a sequence of another length (U3.1)."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import GRU, Dense, InitialCarry, RecurrentStack, in_types
from dljax.models.settings import check_sizes
from dljax.models.translation import check_vocabularies, tokens_before
from dljax.types import Array, PyTree


class EncoderDecoder(nn.Module):
    """Read a sequence of tokens, then write another one (U3.1).

    The last states of the encoder, side by side, are all that the decoder learns of the
    source. A learned map of them is its first carry. Its first input is the end token,
    as if the source had just ended, each further one the token before; it stops where
    it says the end token itself.

    Attributes:
        source_tokens: size of the source vocabulary; 0 is the padding.
        target_tokens: size of the target vocabulary; 0 is the padding, 1 the end.
        embedding: width of the embeddings of both.
        encoder: the layers that read, in one direction or in both.
        decoder: the layers that write, in one direction.
        context: whether the decoder sees what the encoder left at each step, as in Cho
            et al., or at its start only, as in Sutskever et al.
        reverse: whether the source is read from its end, which brings its beginning
            close to that of the target.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the output's weights.

    Raises:
        ValueError: for too small a vocabulary or embedding, or a decoder that reads
            backwards.

    Reference:
        Sutskever et al. (2014), Sequence to Sequence Learning with Neural Networks,
        https://arxiv.org/abs/1409.3215; it hands the states over as they are.
        Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder for
        Statistical Machine Translation, https://arxiv.org/abs/1406.1078

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = EncoderDecoder(source_tokens=9, target_tokens=5)
        >>> source, target = jnp.ones((2, 6), jnp.int32), jnp.ones((2, 4), jnp.int32)
        >>> variables = net.init(jax.random.key(0), source, target)
        >>> print(net.apply(variables, source, target).shape)
        (2, 4, 5)
        >>> import functools
        >>> from flax import linen as nn
        >>> from dljax.decoding import beam
        >>> write = nn.apply(functools.partial(beam, steps=8, end=1, width=3), net)
        >>> print(write(variables, target[:, :1], source).tokens.shape)
        (2, 3, 8)
    """

    source_tokens: int = 32
    target_tokens: int = 32
    embedding: int = 64
    encoder: RecurrentStack = RecurrentStack(GRU(128), bidirectional=True)
    decoder: RecurrentStack = RecurrentStack(GRU(128))
    context: bool = False
    reverse: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_vocabularies(self.source_tokens, self.target_tokens)
        check_sizes(embedding=self.embedding)
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
        self.writer = in_types(self.decoder, **types)
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
        """Read the source.

        Args:
            source: as of `__call__`.
            source_length: as of `__call__`.
            steps: of no effect, since the carry does not grow.
            train: as of `__call__`.

        Returns:
            The first carry of `read`: that of the decoder and, where it sees the source
            at each step, [batch, features], the encoder's last states side by side.
        """
        if self.reverse:
            source = reverse_in_time(source, source_length)
        _, carry = self.reader(
            self.source_embedding(source), lengths=source_length, train=train
        )
        summary = jnp.concatenate(jax.tree.leaves(carry), axis=-1)
        return self.bridge(summary), summary if self.context else None

    def read(
        self, tokens: Array, carry: PyTree, *, train: bool = False
    ) -> tuple[Array, PyTree]:
        """Predict the token after each one, as `dljax.decoding` asks it.

        Args:
            tokens: [batch, steps] int32 in [0, target_tokens): at first the end token,
                then what was written.
            carry: of `begin`, or of the step before.
            train: as of `__call__`.

        Returns:
            [batch, steps, target_tokens] logits, and the carry after the last step.
        """
        carry, summary = carry
        inputs = self.target_embedding(tokens)
        if summary is not None:
            seen = jnp.broadcast_to(
                summary[:, None], (*tokens.shape, summary.shape[-1])
            )
            inputs = jnp.concatenate([inputs, seen.astype(inputs.dtype)], axis=-1)
        states, carry = self.writer(inputs, carry, train=train)
        return self.output(states), (carry, summary)


def reverse_in_time(tokens: Array, length: Array | None) -> Array:
    """Turn sequences round, and leave their padding at the end.

    Args:
        tokens: [batch, time].
        length: [batch] int32, true steps; None for all.

    Returns:
        [batch, time].

    Example:
        >>> import jax.numpy as jnp
        >>> print(reverse_in_time(jnp.array([[1, 2, 3, 0]]), jnp.array([3])))
        [[3 2 1 0]]
    """
    if length is None:
        return tokens[:, ::-1]
    time = jnp.arange(tokens.shape[1])[None, :]
    turned = jnp.where(time < length[:, None], length[:, None] - 1 - time, time)
    return jnp.take_along_axis(tokens, turned, axis=1)
