"""Attention of recurrent decoders: Bahdanau's additive and Luong's multiplicative."""

from typing import Literal

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.dense import Dense
from dljax.types import Array


def read_memory(
    scores: Array, memory: Array, lengths: Array | None = None
) -> tuple[Array, Array]:
    """Average a memory by the softmax of its scores.

    Args:
        scores: [batch, steps, time] float, how well each place answers each query.
        memory: [batch, time, features] float.
        lengths: [batch] integers, true places of each memory; None for all.

    Returns:
        The contexts [batch, steps, features] of the type of the memory, and the weights
        [batch, steps, time] float32 (float64 of float64) in [0, 1]. A memory without
        a place gives 0.

    Example:
        >>> import jax.numpy as jnp
        >>> memory = jnp.array([[[1.], [3.], [100.]]])
        >>> context, _ = read_memory(jnp.zeros((1, 1, 3)), memory, jnp.array([2]))
        >>> print(context)
        [[[2.]]]
    """
    chex.assert_shape(scores, (memory.shape[0], None, memory.shape[1]))
    kind = jnp.promote_types(scores.dtype, jnp.float32)
    scores = scores.astype(kind)
    if lengths is None:
        weights = jax.nn.softmax(scores)
    else:
        true = (jnp.arange(memory.shape[1])[None] < lengths[:, None])[:, None]
        weights = jax.nn.softmax(jnp.where(true, scores, jnp.finfo(kind).min))
        weights = jnp.where(true, weights, 0.0)
    return weights.astype(memory.dtype) @ memory, weights


class AdditiveAttention(nn.Module):
    """Bahdanau's attention: a small net scores each place of the memory (U3.8).

    e_ij = v^T tanh(W s_i + U h_j + b), α_i = softmax(e_i), c_i = Σ_j α_ij h_j. The
    parameters are the dense layers `query` (W, b), `key` (U) and `score` (v).

    Attributes:
        features: width of the hidden layer, at least 1.
        dtype: the type of the computation; None takes that of inputs and parameters.
            The softmax is float32 at least.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for fewer than one feature.

    Reference:
        Bahdanau et al. (2015), Neural Machine Translation by Jointly Learning to Align
        and Translate, https://arxiv.org/abs/1409.0473

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, query, memory = AdditiveAttention(8), *jnp.ones((2, 3, 5, 4))
        >>> (context, weights), _ = layer.init_with_output(
        ...     jax.random.key(0), query, memory, jnp.array([5, 2, 1]))
        >>> print(context.shape, weights[1, 0])
        (3, 5, 4) [0.5 0.5 0.  0.  0. ]
    """

    features: int
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.features < 1:
            raise ValueError(f'features is {self.features}, wanted at least 1')

    def setup(self) -> None:
        """Make the three maps."""
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        types['kernel_init'] = self.kernel_init
        self.query = Dense(self.features, **types)
        self.key = Dense(self.features, use_bias=False, **types)
        self.score = Dense(1, use_bias=False, **types)

    def keys(self, memory: Array) -> Array:
        """Map a memory, once for all the steps of a loop that reads it.

        Args:
            memory: [batch, time, memory features] float.

        Returns:
            [batch, time, features].
        """
        return self.key(memory)

    def __call__(
        self,
        query: Array,
        memory: Array,
        lengths: Array | None = None,
        *,
        keys: Array | None = None,
    ) -> tuple[Array, Array]:
        """Read.

        Args:
            query: [batch, steps, query features] float, states of the decoder.
            memory: [batch, time, memory features] float, states of the encoder.
            lengths: [batch] integers, true places of each memory; None for all.
            keys: [batch, time, features] of `keys`; None to compute them.

        Returns:
            The contexts [batch, steps, memory features], and the weights [batch, steps,
            time] in [0, 1].
        """
        chex.assert_rank([query, memory], 3)
        keys = self.keys(memory) if keys is None else keys
        hidden = jnp.tanh(self.query(query)[:, :, None] + keys[:, None])
        return read_memory(self.score(hidden)[..., 0], memory, lengths)


class MultiplicativeAttention(nn.Module):
    """Luong's attention: products of the queries with the places of a memory (U3.8).

    e_ij = s_i^T h_j ('dot') or s_i^T W h_j ('general'), α_i = softmax(e_i),
    c_i = Σ_j α_ij h_j. The one parameter is the dense layer `query` (W) of 'general'.

    Attributes:
        score: which of the two.
        dtype: the type of the computation; None takes that of inputs and parameters.
            The softmax is float32 at least.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for an unknown score.

    Reference:
        Luong et al. (2015), Effective Approaches to Attention-based Neural Machine
        Translation, https://arxiv.org/abs/1508.04025

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, (query, memory) = MultiplicativeAttention(), jnp.ones((2, 3, 5, 4))
        >>> (context, _), variables = layer.init_with_output(
        ...     jax.random.key(0), query, memory)
        >>> print(context.shape, variables['params']['query']['kernel'].shape)
        (3, 5, 4) (4, 4)
    """

    score: Literal['dot', 'general'] = 'general'
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.score not in ('dot', 'general'):
            raise ValueError(f"score is {self.score!r}, wanted 'dot' or 'general'")

    @nn.compact
    def __call__(
        self, query: Array, memory: Array, lengths: Array | None = None
    ) -> tuple[Array, Array]:
        """Read.

        Args:
            query: [batch, steps, query features] float, states of the decoder; of 'dot'
                as wide as the memory.
            memory: [batch, time, memory features] float, states of the encoder.
            lengths: [batch] integers, true places of each memory; None for all.

        Returns:
            The contexts [batch, steps, memory features], and the weights [batch, steps,
            time] in [0, 1].
        """
        chex.assert_rank([query, memory], 3)
        query, memory = promote_dtype(query, memory, dtype=self.dtype)
        if self.score == 'general':  # s^T W first: there are fewer steps than places
            query = Dense(
                memory.shape[-1],
                use_bias=False,
                dtype=self.dtype,
                param_dtype=self.param_dtype,
                kernel_init=self.kernel_init,
                name='query',
            )(query)
        kind = jnp.promote_types(query.dtype, jnp.float32)
        scores = jnp.einsum('bsf,btf->bst', query, memory, preferred_element_type=kind)
        return read_memory(scores, memory, lengths)
