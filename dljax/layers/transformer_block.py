"""The block of a transformer: attention, attention to a memory, feed-forward."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.attention import MultiHeadAttention
from dljax.layers.checks import check_fractions
from dljax.layers.dense import Dense
from dljax.layers.dot_product import Implementation
from dljax.types import Array


class FeedForward(nn.Module):
    """Two dense layers, the same for each step: f(x W + b) V + c.

    Where `gated`, a third one multiplies the hidden layer: (f(x W + b) ⊙ (x U + d))
    V + c, which is SwiGLU of the activation `jax.nn.silu`. The parameters are the dense
    layers `hidden`, `gate` where there is one, and `output`.

    Attributes:
        hidden: width of the hidden layer, at least 1.
        activation: f.
        gated: whether the hidden layer is multiplied.
        dropout: the probability in [0, 1) with which a hidden unit is dropped.
        use_bias: whether the layers have biases.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        output_init: that of the output's weights; None for the same.

    Raises:
        ValueError: for a width or a dropout out of range.

    Reference:
        Vaswani et al. (2017), Attention Is All You Need,
        https://arxiv.org/abs/1706.03762
        Shazeer (2020), GLU Variants Improve Transformer,
        https://arxiv.org/abs/2002.05202; the gate.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer = FeedForward(16, activation=jax.nn.silu, gated=True)
        >>> variables = layer.init(jax.random.key(0), jnp.ones((1, 3, 4)))
        >>> sorted(variables['params'])
        ['gate', 'hidden', 'output']
    """

    hidden: int
    activation: Callable[[Array], Array] = jax.nn.relu
    gated: bool = False
    dropout: float = 0.0
    use_bias: bool = True
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.glorot_uniform()
    output_init: Initializer | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.hidden < 1:
            raise ValueError(f'hidden is {self.hidden}, wanted at least 1')
        check_fractions(dropout=self.dropout)

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute.

        Args:
            inputs: [..., features] float.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [..., features].
        """
        settings: dict[str, Any] = {
            'use_bias': self.use_bias,
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
        }
        inner, outer = self.kernel_init, self.output_init or self.kernel_init

        def wide(name: str) -> Array:
            layer = Dense(self.hidden, kernel_init=inner, name=name, **settings)
            return layer(inputs)

        hidden = self.activation(wide('hidden'))
        if self.gated:
            hidden = hidden * wide('gate')
        hidden = nn.Dropout(self.dropout, deterministic=not train)(hidden)
        features = inputs.shape[-1]
        output = Dense(features, kernel_init=outer, name='output', **settings)
        return output(hidden)


class TransformerBlock(nn.Module):
    """One layer of a transformer, of an encoder or a decoder (U3.9).

    Sub-layers F are the attention of the sequence to itself (`attention`), then, where
    a memory is given, that to the memory (`cross_attention`), then the feed-forward
    net (`feed_forward`). Around each is a sum and a layer norm: x ← norm(x + F(x)) as
    in the paper, or x ← x + F(norm(x)) where the norm is first, which learns without a
    warm-up; a stack of these ends with a norm. The norms are `attention_norm`,
    `cross_attention_norm` and `feed_forward_norm`.

    An encoder's block reads all steps; a decoder's is causal, so that with a
    `cache_length` it computes step by step, see `MultiHeadAttention`.

    Attributes:
        hidden: width of the hidden layer of the feed-forward net, at least 1.
        heads: of each attention; the width of the inputs is a multiple of it.
        causal: whether a step reads none that is later.
        norm_first: whether the norm stands before a sub-layer and not behind the sum.
        activation: of the hidden layer.
        gated: whether the hidden layer is multiplied by a second one, as in SwiGLU.
        rotary: whether queries and keys are turned by their positions.
        dropout: the probability in [0, 1) with which an element of what a sub-layer
            adds is dropped.
        attention_dropout: that of an attention weight.
        hidden_dropout: that of a hidden unit of the feed-forward net.
        epsilon: added to the variance in the norms.
        implementation: of the attention, see `layers.attend`.
        dtype: the type of the computation; None takes that of inputs and parameters.
            Softmax and statistics are float32 at least.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        output_init: that of the weights that end a sub-layer; None for the same.

    Raises:
        ValueError: for a size or a dropout out of range.

    Reference:
        Vaswani et al. (2017), Attention Is All You Need,
        https://arxiv.org/abs/1706.03762
        Xiong et al. (2020), On Layer Normalization in the Transformer Architecture,
        https://arxiv.org/abs/2002.04745; the norm first.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> block, inputs = TransformerBlock(hidden=16, heads=2), jnp.ones((2, 5, 8))
        >>> variables = block.init(jax.random.key(0), inputs)
        >>> sorted(variables['params'])
        ['attention', 'attention_norm', 'feed_forward', 'feed_forward_norm']
    """

    hidden: int = 2048
    heads: int = 8
    causal: bool = False
    norm_first: bool = False
    activation: Callable[[Array], Array] = jax.nn.relu
    gated: bool = False
    rotary: bool = False
    dropout: float = 0.0
    attention_dropout: float = 0.0
    hidden_dropout: float = 0.0
    epsilon: float = 1e-5
    implementation: Implementation = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.glorot_uniform()
    output_init: Initializer | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        for name, size in (('hidden', self.hidden), ('heads', self.heads)):
            if size < 1:
                raise ValueError(f'{name} is {size}, wanted at least 1')
        check_fractions(
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
            hidden_dropout=self.hidden_dropout,
        )

    @nn.compact
    def __call__(
        self,
        inputs: Array,
        memory: Array | None = None,
        mask: Array | None = None,
        memory_mask: Array | None = None,
        *,
        cache_length: int | None = None,
        train: bool = False,
    ) -> Array:
        """Compute.

        Args:
            inputs: [batch, steps, features] float.
            memory: [batch, time, memory features] float, what a decoder reads besides.
            mask: bool that broadcasts to [batch, heads, steps, steps], what of the
                inputs may be read, such as `length_mask`; None for all.
            memory_mask: bool that broadcasts to [batch, heads, steps, time], what of
                the memory may be read; None for all.
            cache_length: steps that the cache holds; None for no cache.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, steps, features].
        """
        kinds: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        made = {
            **kinds,
            'kernel_init': self.kernel_init,
            'output_init': self.output_init,
        }
        reads = {
            'features': inputs.shape[-1],
            'heads': self.heads,
            'dropout': self.attention_dropout,
            'implementation': self.implementation,
            **made,
        }
        called = {'cache_length': cache_length, 'train': train}

        def around(name: str, inputs: Array, part: Callable[[Array], Array]) -> Array:
            norm = nn.LayerNorm(
                self.epsilon, use_fast_variance=False, name=f'{name}_norm', **kinds
            )
            added = part(norm(inputs) if self.norm_first else inputs)
            added = nn.Dropout(self.dropout, deterministic=not train)(added)
            return inputs + added if self.norm_first else norm(inputs + added)

        attention = MultiHeadAttention(
            causal=self.causal, rotary=self.rotary, name='attention', **reads
        )
        x = around('attention', inputs, lambda x: attention(x, mask=mask, **called))
        if memory is not None:
            cross = MultiHeadAttention(name='cross_attention', **reads)
            x = around(
                'cross_attention',
                x,
                lambda x: cross(x, memory, mask=memory_mask, **called),
            )
        feed_forward = FeedForward(
            self.hidden,
            activation=self.activation,
            gated=self.gated,
            dropout=self.hidden_dropout,
            name='feed_forward',
            **made,
        )
        return around('feed_forward', x, lambda x: feed_forward(x, train=train))
