"""Attention of several heads: each step reads what it looks for in other steps."""

from typing import Any

import chex
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.checks import check_fractions
from dljax.layers.dense import Dense
from dljax.layers.dot_product import (
    Implementation,
    attend,
    attention_weights,
    causal_mask,
    read_values,
)
from dljax.layers.positions import advance, rotate
from dljax.types import Array


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention of several heads, to itself or to a memory (U3.9).

    head_i = softmax(Q W_i^Q (K W_i^K)^T / √d) V W_i^V, and the output is a learned map
    of all heads side by side. Queries come from the inputs, keys and values from the
    memory, or from the inputs again. A query that may read nothing gives the output's
    bias, never NaN.

    The weights are sown into 'intermediates' as `weights`, [batch, heads, steps, time],
    where that collection is mutable. The parameters are the dense layers `query`,
    `key`, `value` and `output`, whose heads stand side by side.

    With a `cache_length` keys and values stay in the collection 'cache', and a call
    goes on where the last one ended: step by step it gives what one call over all steps
    gives. That is of causal attention; that to a memory reads it at the first call and
    keeps it. A step beyond the cache gives NaN.

    Attributes:
        features: width of inputs and outputs, a multiple of `heads`.
        heads: the number of heads, at least 1.
        causal: whether a step reads none that is later.
        rotary: whether queries and keys are turned by their positions, see `rotate`.
        dropout: the probability in [0, 1) with which a weight is dropped.
        use_bias: whether the four maps have biases.
        implementation: see `attend`; of no effect where weights are dropped or sown.
        dtype: the type of the computation; None takes that of inputs and parameters.
            The softmax is float32 at least.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        output_init: that of the output's weights; None for the same.

    Raises:
        ValueError: for sizes out of range or that do not divide, a dropout out of
            range, an unknown implementation, or settings that a memory excludes.

    Reference:
        Vaswani et al. (2017), Attention Is All You Need,
        https://arxiv.org/abs/1706.03762

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, inputs = MultiHeadAttention(8, heads=2), jnp.ones((2, 5, 8))
        >>> from dljax.layers import length_mask
        >>> mask = length_mask(jnp.array([5, 3]), 5)
        >>> outputs, _ = layer.init_with_output(jax.random.key(0), inputs, mask=mask)
        >>> print(outputs.shape)
        (2, 5, 8)
    """

    features: int
    heads: int = 8
    causal: bool = False
    rotary: bool = False
    dropout: float = 0.0
    use_bias: bool = True
    implementation: Implementation = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.glorot_uniform()
    output_init: Initializer | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.heads < 1 or self.features < 1 or self.features % self.heads:
            raise ValueError(
                f'features is {self.features} and heads is {self.heads}, wanted at '
                'least 1 of each, and as many features for each head'
            )
        if self.rotary and self.features // self.heads % 2:
            raise ValueError(
                f'a head has {self.features // self.heads} features, wanted an even '
                'number, since rotary positions turn pairs of them'
            )
        check_fractions(dropout=self.dropout)
        if self.implementation not in (None, 'xla', 'cudnn'):
            raise ValueError(
                f"implementation is {self.implementation!r}, wanted 'xla', 'cudnn' or "
                'None'
            )

    @nn.compact
    def __call__(
        self,
        inputs: Array,
        memory: Array | None = None,
        *,
        mask: Array | None = None,
        cache_length: int | None = None,
        train: bool = False,
    ) -> Array:
        """Read.

        Args:
            inputs: [batch, steps, features] float, what asks.
            memory: [batch, time, memory features] float, what is read; None for the
                inputs.
            mask: bool that broadcasts to [batch, heads, steps, time], what may be read
                besides what `causal` forbids; None for all. Of time there are
                `cache_length` steps, where that is given.
            cache_length: steps that the cache holds; None for no cache.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, steps, features].
        """
        self._check(inputs, memory, mask, cache_length)
        batch, steps, _ = inputs.shape
        causal, cached = self.causal, cache_length is not None
        query = self._heads('query', inputs)
        if memory is not None:
            key, value = self._memory(memory, cached)
        else:
            key, value = self._heads('key', inputs), self._heads('value', inputs)
            positions = advance(self, batch, steps, cached)
            if self.rotary:
                query, key = rotate(query, positions), rotate(key, positions)
            if cache_length is not None:
                known = (positions < cache_length)[:, :, None, None]
                query = jnp.where(known, query, jnp.nan)
                key = self._kept('cached_key', key, positions, cache_length)
                value = self._kept('cached_value', value, positions, cache_length)
        looked_at = self.is_mutable_collection('intermediates')
        thinned = train and self.dropout > 0
        if causal and (cached or mask is not None or looked_at or thinned):
            earlier = causal_mask(positions, key.shape[1])
            mask, causal = earlier if mask is None else earlier & mask, False
        if looked_at or thinned:
            weights = attention_weights(query, key, mask)
            self.sow('intermediates', 'weights', weights)
            weights = nn.Dropout(self.dropout, deterministic=not train)(weights)
            read = read_values(weights, value)
        else:
            read = attend(
                query,
                key,
                value,
                mask,
                causal=causal,
                implementation=self.implementation,
            )
        return self._dense('output', self.output_init)(
            read.reshape(batch, steps, self.features)
        )

    def _check(
        self,
        inputs: Array,
        memory: Array | None,
        mask: Array | None,
        cache_length: int | None,
    ) -> None:
        chex.assert_shape(inputs, (None, None, self.features))
        if mask is not None:
            chex.assert_rank(mask, 4)
            chex.assert_type(mask, bool)
        if memory is not None:
            chex.assert_shape(memory, (inputs.shape[0], None, None))
            if self.causal or self.rotary:
                raise ValueError(
                    'causal or rotary is set and a memory is given, wanted either: '
                    'its steps are not those of the inputs'
                )
        elif cache_length is not None and not self.causal:
            raise ValueError(
                f'cache_length is {cache_length} and causal is not set: a step that '
                'reads later ones cannot be computed before them'
            )

    def _dense(self, name: str, init: Initializer | None = None) -> Dense:
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        return Dense(
            self.features,
            use_bias=self.use_bias,
            kernel_init=init or self.kernel_init,
            name=name,
            **types,
        )

    def _heads(self, name: str, inputs: Array) -> Array:
        shape = *inputs.shape[:2], self.heads, self.features // self.heads
        return self._dense(name)(inputs).reshape(shape)

    def _memory(self, memory: Array, cached: bool) -> tuple[Array, Array]:
        """Compute keys and values, or take those of the first call."""
        if cached and self.has_variable('cache', 'cached_key'):
            return (
                self.get_variable('cache', 'cached_key'),
                self.get_variable('cache', 'cached_value'),
            )
        key, value = self._heads('key', memory), self._heads('value', memory)
        if cached:
            self.put_variable('cache', 'cached_key', key)
            self.put_variable('cache', 'cached_value', value)
        return key, value

    def _kept(self, name: str, new: Array, positions: Array, length: int) -> Array:
        """Write new steps to the cache, and give all that it holds."""
        batch, _, heads, features = new.shape
        shape = (batch, length, heads, features)
        kept = self.variable('cache', name, jnp.zeros, shape, new.dtype)
        rows = jnp.arange(batch)[:, None]
        kept.value = kept.value.at[rows, positions].set(new, mode='drop')
        return kept.value
