"""Convolutions over the words of a text (U2.8, U3.8)."""

from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.conv import Conv
from dljax.losses.meaning import nan_beyond
from dljax.models.settings import check_settings, check_sizes
from dljax.types import Array, Key


def around_zero(
    key: Key, shape: Any, dtype: Any = None, out_sharding: Any = None
) -> Array:
    """Draw the words' vectors as Kim does, uniformly from [-0.25, 0.25).

    Args:
        key: of the draw.
        shape: of the vectors.
        dtype: of the numbers; None for float32.
        out_sharding: how they lie on devices, as `jax.random.uniform` takes it.

    Returns:
        [*shape].
    """
    kind = jnp.float32 if dtype is None else dtype
    return jax.random.uniform(key, shape, kind, -0.25, 0.25, out_sharding=out_sharding)


class TextCNN(nn.Module):
    """Filters over windows of words, the largest response of each, and a dense layer.

    A window of w words gives max(0, b + Σ_k W_k x_{i+k}) for each filter; of all the
    windows that hold a word of the text the largest counts. Windows reach beyond both
    ends, where words are 0, so that a text may be shorter than a window.

    Attributes:
        vocabulary: the number of words; 0 is the padding.
        classes: the number of logits, at least 2.
        embedding: width of a word's vector.
        windows: words that the filters see, a kind of filter each.
        features: filters of each kind.
        dropout: the probability in [0, 1) with which a response is dropped.
        dtype: the type of the computation; None takes that of the parameters.
        param_dtype: the type of the parameters.
        embedding_init: initialiser of the words' vectors.
        kernel_init: initialiser of the other weights.

    Raises:
        ValueError: for a size or a dropout out of range.

    Reference:
        Kim (2014), Convolutional Neural Networks for Sentence Classification,
        https://arxiv.org/abs/1408.5882; the form that begins with random words.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = TextCNN(vocabulary=9, embedding=4, features=3)
        >>> tokens, length = jnp.array([[3, 4, 5, 0], [6, 0, 0, 0]]), jnp.array([3, 1])
        >>> logits, _ = net.init_with_output(jax.random.key(0), tokens, length)
        >>> print(logits.shape)
        (2, 2)
    """

    vocabulary: int = 20_000
    classes: int = 2
    embedding: int = 300
    windows: tuple[int, ...] = (3, 4, 5)
    features: int = 100
    dropout: float = 0.5
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    embedding_init: Initializer = around_zero
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if not self.windows:
            raise ValueError('windows is empty, wanted one size or more')
        check_settings(
            self.classes,
            {'dropout': self.dropout},
            vocabulary=self.vocabulary,
            embedding=self.embedding,
            features=self.features,
        )
        check_sizes(windows=self.windows)

    @nn.compact
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
        chex.assert_rank(tokens, 2)
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        many = tokens.shape[1]
        if length is None:
            length = jnp.full(tokens.shape[0], many)
        words = nn.Embed(
            self.vocabulary,
            self.embedding,
            embedding_init=self.embedding_init,
            name='embedding',
            **types,
        )(tokens)
        true = jnp.arange(many)[None] < length[:, None]
        known = nan_beyond(tokens, self.vocabulary).astype(words.dtype)
        words = jnp.where(true[..., None], words * known[..., None], 0)
        largest = []
        for size in self.windows:
            beyond = size - 1
            padded = jnp.pad(words, ((0, 0), (beyond, beyond), (0, 0)))
            found = Conv(
                self.features,
                (size,),
                padding='VALID',
                kernel_init=self.kernel_init,
                name=f'windows_of_{size}',
                **types,
            )(padded)
            hold = jnp.arange(many + beyond)[None] < length[:, None] + beyond
            found = jnp.where(hold[..., None], nn.relu(found), 0)  # no response is less
            largest.append(found.max(axis=1))
        summary = jnp.concatenate(largest, axis=1)
        summary = nn.Dropout(self.dropout, deterministic=not train)(summary)
        return nn.Dense(
            self.classes, kernel_init=self.kernel_init, name='output', **types
        )(summary)
