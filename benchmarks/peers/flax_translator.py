"""The transformer in plain Flax, by `nn.MultiHeadDotProductAttention`."""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from dljax.layers.positions import sinusoids
from dljax.types import PyTree

HEADS = 8


class Block(nn.Module):
    """A layer of an encoder, or of a decoder that reads a memory; norms last."""

    hidden: int

    @nn.compact
    def __call__(
        self, x: Array, memory: Array | None = None, mask: Array | None = None
    ) -> Array:
        """Compute the states."""
        attention = nn.MultiHeadDotProductAttention(HEADS, name='attention')
        x = norm('attention_norm')(x + attention(x, mask=mask))
        if memory is not None:
            cross = nn.MultiHeadDotProductAttention(HEADS, name='cross_attention')
            x = norm('cross_attention_norm')(x + cross(x, memory))
        y = nn.relu(nn.Dense(self.hidden, name='hidden')(x))
        return norm('feed_forward_norm')(x + nn.Dense(x.shape[-1], name='output')(y))


def norm(name: str) -> nn.LayerNorm:
    """Make a norm with the epsilon of all libraries here."""
    return nn.LayerNorm(1e-5, name=name)


class Translator(nn.Module):
    """An encoder and a decoder, whose output is the target's embedding again."""

    tokens: int
    width: int
    hidden: int

    @nn.compact
    def __call__(self, source: Array, target: Array, train: bool = True) -> Array:
        """Give the logits of each step, fed with the true token before it."""
        read = nn.Embed(self.tokens, self.width, name='source_embedding')
        written = nn.Embed(self.tokens, self.width, name='target_embedding')
        places = sinusoids(jnp.arange(target.shape[1]), self.width)[None]
        before = jnp.pad(target, ((0, 0), (1, 0)), constant_values=1)[:, :-1]
        x = read(source) * self.width**0.5
        x = x + places.astype(x.dtype)
        for index in range(3):
            x = Block(self.hidden, name=f'encoder_{index}')(x)
        memory, mask = x, nn.make_causal_mask(before)
        x = written(before) * self.width**0.5
        x = x + places.astype(x.dtype)
        for index in range(3):
            x = Block(self.hidden, name=f'decoder_{index}')(x, memory, mask)
        return written.attend(x)


def given(params: PyTree) -> PyTree:
    """Give our weights the form of Flax's layers."""
    made = {name: params[name] for name in ('source_embedding', 'target_embedding')}
    for part in ('encoder', 'decoder'):
        for layer, found in params[part].items():
            block = {
                name: attention(value) if name.endswith('attention') else value
                for name, value in found.items()
                if name != 'feed_forward'
            }
            made[f'{part}_{layer[-1]}'] = {**block, **found['feed_forward']}
    return made


def attention(ours: PyTree) -> PyTree:
    """Part the features of each map into heads."""
    width = ours['query']['kernel'].shape[0]
    made = {}
    for name in ('query', 'key', 'value'):
        kernel = ours[name]['kernel'].reshape(width, HEADS, -1)
        bias = ours[name]['bias'].reshape(HEADS, -1)
        made[name] = {'kernel': kernel, 'bias': bias}
    kernel = ours['output']['kernel'].reshape(HEADS, -1, width)
    return {**made, 'out': {'kernel': kernel, 'bias': ours['output']['bias']}}
