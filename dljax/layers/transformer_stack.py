"""Blocks of a transformer on top of each other."""

from typing import Any

from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers.rematerialise import rematerialise
from dljax.layers.transformer_block import TransformerBlock
from dljax.types import Array


class TransformerStack(nn.Module):
    """Blocks `layer_0`, `layer_1`, ..., and a norm where theirs come first (U3.9).

    Attributes:
        block: of which each layer is a copy, with its settings.
        layers: how many, at least 1.
        remat: whether the backward pass computes the inside of each block anew, which
            saves memory; the numbers are the same. It has no effect with a cache.
        dtype: the type of the computation; None leaves the block's own.
        param_dtype: the type of the parameters; None leaves the block's own.

    Raises:
        ValueError: for fewer than one layer.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> block = TransformerBlock(hidden=16, heads=2, norm_first=True)
        >>> stack = TransformerStack(block, layers=2)
        >>> variables = stack.init(jax.random.key(0), jnp.ones((2, 5, 8)))
        >>> sorted(variables['params'])
        ['layer_0', 'layer_1', 'norm']
    """

    block: TransformerBlock = TransformerBlock()
    layers: int = 6
    remat: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.layers < 1:
            raise ValueError(f'layers is {self.layers}, wanted at least 1')

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
        """Compute, see `TransformerBlock`.

        Args:
            inputs: [batch, steps, features] float.
            memory: [batch, time, memory features] float, what a decoder reads besides.
            mask: bool that broadcasts to [batch, heads, steps, steps], what of the
                inputs may be read; None for all.
            memory_mask: bool that broadcasts to [batch, heads, steps, time], what of
                the memory may be read; None for all.
            cache_length: steps that the cache holds; None for no cache.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, steps, features].
        """
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        types = {name: kind for name, kind in types.items() if kind is not None}
        x, others = inputs, (memory, mask, memory_mask)
        for index in range(self.layers):
            block = self.block.clone(parent=self, name=f'layer_{index}', **types)
            if cache_length is not None:
                x = block(x, *others, cache_length=cache_length, train=train)
            else:
                x = rematerialise(block, x, *others, train=train, remat=self.remat)
        if not self.block.norm_first:
            return x
        kinds = {'dtype': self.block.dtype, 'param_dtype': self.block.param_dtype}
        norm = nn.LayerNorm(
            self.block.epsilon,
            use_fast_variance=False,
            name='norm',
            **{**kinds, **types},
        )
        return norm(x)
