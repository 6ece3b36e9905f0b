"""The transformer in Keras, by `layers.MultiHeadAttention`."""

from collections.abc import Mapping

import jax.numpy as jnp
import keras
import numpy as np
from flax.traverse_util import unflatten_dict
from keras import layers

from benchmarks.peers.cases import Case
from benchmarks.peers.flax_translator import HEADS, attention
from dljax.layers.positions import sinusoids


class Placed(layers.Layer):
    """An embedding times √width, with sinusoids of the positions added."""

    def __init__(self, tokens: int, width: int, steps: int, name: str) -> None:
        """Make the table."""
        super().__init__(name=name)
        self.table = layers.Embedding(tokens, width)
        self.places = np.asarray(sinusoids(jnp.arange(steps), width))[None]
        self.scale = width**0.5

    def call(self, tokens: keras.KerasTensor) -> keras.KerasTensor:
        """Give the vectors."""
        x = self.table(tokens) * self.scale
        return x + keras.ops.cast(self.places, x.dtype)


class Attend(layers.Layer):
    """Multiply states with a table of embeddings."""

    def __init__(self, embedding: Placed) -> None:
        """Keep the embedding."""
        super().__init__()
        self.embedding = embedding

    def call(self, states: keras.KerasTensor) -> keras.KerasTensor:
        """Give the logits."""
        table = keras.ops.cast(self.embedding.table.embeddings, states.dtype)
        return states @ keras.ops.transpose(table)


def block(
    x: keras.KerasTensor, memory: keras.KerasTensor | None, hidden: int, name: str
) -> keras.KerasTensor:
    """Lay a layer of an encoder, or of a decoder that reads a memory; norms last."""
    width, causal = x.shape[-1], memory is not None

    def norm(x: keras.KerasTensor, part: str) -> keras.KerasTensor:
        return layers.LayerNormalization(epsilon=1e-5, name=f'{name}.{part}_norm')(x)

    def reads(part: str) -> layers.MultiHeadAttention:
        return layers.MultiHeadAttention(HEADS, width // HEADS, name=f'{name}.{part}')

    x = norm(x + reads('attention')(x, x, use_causal_mask=causal), 'attention')
    if memory is not None:
        x = norm(x + reads('cross_attention')(x, memory), 'cross_attention')
    y = layers.Dense(hidden, 'relu', name=f'{name}.hidden')(x)
    return norm(x + layers.Dense(width, name=f'{name}.output')(y), 'feed_forward')


def translator(case: Case) -> keras.Model:
    """Make the net: of source and of the tokens before each step to logits."""
    steps, width, hidden = case.shape[0], 256, 512
    source = keras.Input((steps,), dtype='int32')
    before = keras.Input((steps,), dtype='int32')
    x = Placed(case.classes, width, steps, 'source_embedding')(source)
    for index in range(3):
        x = block(x, None, hidden, f'encoder_{index}')
    memory, written = x, Placed(case.classes, width, steps, 'target_embedding')
    x = written(before)
    for index in range(3):
        x = block(x, memory, hidden, f'decoder_{index}')
    return keras.Model([source, before], Attend(written)(x))


def fill_translator(net: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Put our weights into the layers, which have our names."""
    params = unflatten_dict(weights, '/')
    for name in ('source_embedding', 'target_embedding'):
        net.get_layer(name).table.embeddings.assign(params[name]['embedding'])
    for part in ('encoder', 'decoder'):
        for layer, found in params[part].items():
            name = f'{part}_{layer[-1]}'
            for key, value in {**found, **found['feed_forward']}.items():
                if key.endswith('attention'):
                    made = attention(value)
                    arrays = [
                        made[each][kind]
                        for each in ('query', 'key', 'value', 'out')
                        for kind in ('kernel', 'bias')
                    ]
                elif key.endswith('norm'):
                    arrays = [value['scale'], value['bias']]
                elif key == 'feed_forward':
                    continue
                else:
                    arrays = [value['kernel'], value['bias']]
                net.get_layer(f'{name}.{key}').set_weights(arrays)
