"""Captioner: a sentence about an image, with attention or without (U3.8)."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
from dljax.layers import (
    LSTM,
    AdditiveAttention,
    Dense,
    InitialCarry,
    Normalise,
    NormalisedConv,
    RecurrentStack,
    batch_norm,
    check_images,
    in_types,
)
from dljax.layers.checks import check_fractions
from dljax.models.features import features
from dljax.models.fields import reconfigured
from dljax.models.settings import check_sizes
from dljax.models.translation import tokens_before, write_attending
from dljax.types import Array, PyTree


class PooledConvolutions(nn.Module):
    """3x3 convolutions with normalisation and ReLU, a 2x2 max pooling between two.

    Of n convolutions the feature maps have sides 2^(n-1) times shorter than the image.

    Attributes:
        features: channels of each convolution, at least one.
        normalise: before each ReLU; None for none, and then with a bias.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for no convolution, or one without channels.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = PooledConvolutions((4, 8)), jnp.ones((2, 12, 16, 1))
        >>> net.init_with_output(jax.random.key(0), image)[0].shape
        (2, 6, 8, 8)
    """

    features: tuple[int, ...] = (32, 64, 128)
    normalise: Normalise | None = batch_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(features=self.features)
        if not self.features:
            raise ValueError('features is (), wanted the channels of one convolution')

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the feature maps.

        Args:
            image: [batch, height, width, channel] float in [0, 1].
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, height', width', features].

        Raises:
            ValueError: if `image` is no batch of images, or too small for the poolings.
        """
        check_images(image, smallest=2 ** (len(self.features) - 1))
        maps = image
        for index, channels in enumerate(self.features):
            if index:
                maps = max_pool(maps, (2, 2), strides=(2, 2))
            maps = NormalisedConv(
                channels,
                kernel_size=3,
                stride=1,
                normalise=self.normalise,
                use_bias=self.normalise is None,
                axis_name=self.axis_name,
                dtype=self.dtype,
                param_dtype=self.param_dtype,
                kernel_init=self.kernel_init,
                name=f'conv_{index}',
            )(maps, train=train)
        return maps


class Captioner(nn.Module):
    """Write a sentence about an image: a CNN reads, recurrent layers write (U3.8).

    The encoder leaves features a_j at each place j of its maps, and the decoder starts
    at a learned map of their mean. With attention it takes, before step i, the context
    c_i = Σ_j α_ij a_j by its state h_{i-1}, reads it beside the token before, and
    predicts the next token from its new state, the context and that token; the weights
    α are sown into 'intermediates' as `weights`, [batch, 1, steps, places], where that
    is mutable. Without attention the start is all that the decoder learns of the image.
    Its first input is the end token. The parameters are in the groups `encoder`,
    `bridge`, `words`, `writer`, `output` and, with attention, `look`.

    Attributes:
        vocabulary: number of tokens; 0 is the padding, 1 the end.
        embedding: width of the embedding of a token.
        encoder: of the images, called as `encoder(image, train=train)`: any module
            that gives feature maps [batch, height, width, channel].
        layer: the path of a module inside the encoder, such as 'layer3_1' of a ResNet,
            whose output the maps are; None for the output of the encoder itself. The
            encoder then stays in evaluation mode: its batch statistics do not move.
        decoder: the layers that write, in one direction.
        attention: whether the decoder looks at the places of the maps at each step.
        attention_features: width of the hidden layer of the attention.
        dropout: the probability in [0, 1) with which an element of the embedded tokens
            and of what the logits are computed from is dropped.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the output's weights.

    Raises:
        ValueError: for a size or a dropout out of range, or a decoder that reads
            backwards.

    Reference:
        Xu et al. (2015), Show, Attend and Tell: Neural Image Caption Generation with
        Visual Attention, https://arxiv.org/abs/1502.03044; its soft attention, without
        the gate on the context and the penalty on places that are left unread.
        Vinyals et al. (2014), Show and Tell: A Neural Image Caption Generator,
        https://arxiv.org/abs/1411.4555; it reads the image as if it were a first word.

    Example:
        >>> import functools, jax, jax.numpy as jnp
        >>> from flax import linen as nn
        >>> from dljax.decoding import greedy
        >>> net = Captioner(9, encoder=PooledConvolutions((4, 8)))
        >>> image, caption = jnp.ones((2, 8, 12, 1)), jnp.ones((2, 5), jnp.int32)
        >>> variables = net.init(jax.random.key(0), image, caption)
        >>> print(net.apply(variables, image, caption).shape)
        (2, 5, 9)
        >>> write = nn.apply(functools.partial(greedy, steps=7, end=1), net)
        >>> print(write(variables, caption[:, :1], image).tokens.shape)
        (2, 7)
    """

    vocabulary: int = 32
    embedding: int = 64
    encoder: nn.Module = PooledConvolutions()
    layer: str | None = None
    decoder: RecurrentStack = RecurrentStack(LSTM(128))
    attention: bool = True
    attention_features: int = 128
    dropout: float = 0.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings, and give the encoder the types of the whole."""
        types: dict[str, Any] = {'param_dtype': self.param_dtype}
        types |= {} if self.dtype is None else {'dtype': self.dtype}
        alike = reconfigured(self.encoder, **types)
        if alike != self.encoder:
            self.encoder = alike
        super().__post_init__()
        if self.vocabulary < 3:
            raise ValueError(
                f'vocabulary is {self.vocabulary}, wanted at least 3: the padding and '
                'the end token count'
            )
        check_sizes(
            embedding=self.embedding, attention_features=self.attention_features
        )
        check_fractions(dropout=self.dropout)
        if self.decoder.bidirectional:
            raise ValueError(
                'decoder is bidirectional, wanted layers in one direction: what is '
                'written is not there yet to be read backwards'
            )

    def setup(self) -> None:
        """Make the layers."""
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.words = nn.Embed(self.vocabulary, self.embedding, **types)
        self.bridge = InitialCarry(self.decoder, **types)
        if self.attention:
            self.look = AdditiveAttention(self.attention_features, **types)
        self.writer = in_types(self.decoder, **types)
        self.thin = nn.Dropout(self.dropout)
        self.output = Dense(self.vocabulary, kernel_init=self.kernel_init, **types)

    def __call__(self, image: Array, caption: Array, *, train: bool = False) -> Array:
        """Compute the logits of all steps, each fed with the true token before it.

        Args:
            image: [batch, height, width, channel] float in [0, 1].
            caption: [batch, steps] int32 in [0, vocabulary), padded at the end; its end
                token is a step like others. What is in its padding is of no effect on
                the steps before.
            train: whether dropout acts, which draws from the stream 'dropout', and the
                encoder is in train mode.

        Returns:
            [batch, steps, vocabulary] logits.
        """
        carry = self.begin(image, train=train)
        return self.read(tokens_before(caption), carry, train=train)[0]

    def maps(self, image: Array, *, train: bool = False) -> Array:
        """Compute the feature maps, before anything is written.

        Args:
            image: [batch, height, width, channel] as of `__call__`.
            train: as of `__call__`.

        Returns:
            [batch, height', width', channel'], of which the attention looks at the
            places row by row.

        Raises:
            ValueError: if the encoder gives no feature maps.
        """
        check_images(image)
        if self.layer is None:
            found = self.encoder(image, train=train)
        else:
            found = features(self.encoder, image, [self.layer])[1][self.layer]
        shape = getattr(found, 'shape', type(found).__name__)
        if not isinstance(shape, tuple) or len(shape) != 4:
            raise ValueError(
                f'the encoder gives {shape}, wanted feature maps [batch, height, width,'
                ' channel]: name one of its convolutions or blocks by layer'
            )
        return found

    def begin(
        self, image: Array, *, steps: int | None = None, train: bool = False
    ) -> PyTree:
        """Read the image, before anything is written.

        Args:
            image: [batch, height, width, channel] as of `__call__`.
            steps: of no effect, since the carry does not grow.
            train: as of `__call__`.

        Returns:
            The first carry for `read`, of arrays [batch, ...]: that of the decoder and,
            with attention, the features of the places and their keys.
        """
        maps = self.maps(image, train=train)
        memory = maps.reshape(maps.shape[0], -1, maps.shape[-1])
        kind = jnp.promote_types(memory.dtype, jnp.float32)
        states = self.bridge(memory.mean(axis=1, dtype=kind).astype(memory.dtype))
        seen = (memory, self.look.keys(memory)) if self.attention else None
        return states, seen

    def read(
        self, tokens: Array, carry: PyTree, *, train: bool = False
    ) -> tuple[Array, PyTree]:
        """Predict the token after each one, as `dljax.decoding` asks it.

        Args:
            tokens: [batch, steps] int32 in [0, vocabulary), the end token first.
            carry: what `begin` or an earlier call returned.
            train: as of `__call__`.

        Returns:
            [batch, steps, vocabulary] logits, and the carry after the last token.
        """
        states, seen = carry
        inputs = self.thin(self.words(tokens), deterministic=not train)
        if seen is None:
            outputs, states = self.writer(inputs, states, train=train)
            told = outputs
        else:
            memory, keys = seen
            (outputs, contexts, weights), states = write_attending(
                self.look, self.writer, inputs, states, memory, keys=keys
            )
            self.sow('intermediates', 'weights', weights[:, None])
            contexts = contexts.astype(outputs.dtype)
            told = jnp.concatenate([outputs, contexts, inputs], axis=-1)
        logits = self.output(self.thin(told, deterministic=not train))
        return logits, (states, seen)
