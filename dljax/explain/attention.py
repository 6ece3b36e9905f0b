"""Where a net looks: the weights of its attention (U1.16)."""

import re
from typing import Any

import chex
import jax.numpy as jnp
from flax import linen as nn

from dljax.types import Array, PyTree


def attention_maps(net: nn.Module, *inputs: Any) -> dict[str, Array]:
    """Give the weights of every attention of a net, in evaluation mode.

    Args:
        net: a bound module, called as `net(*inputs, train=False)`.
        *inputs: arrays that the net takes.

    Returns:
        [batch, heads, steps, time] float32 in [0, 1] by the path of the layer, such as
        'encoder/layer_0/attention': how much each step reads of each place. It is
        'attention' where the net itself has them, as `AttentionTranslator` and
        `Captioner`, whose time is the places of the image; empty for a net that has no
        attention.

    Reference:
        Vaswani et al. (2017), Attention Is All You Need,
        https://arxiv.org/abs/1706.03762; its appendix.

    Example:
        >>> import jax
        >>> from dljax import create_model
        >>> net = create_model('gpt_character', layers=2)
        >>> tokens = jnp.zeros((1, 5), jnp.int32)
        >>> look = nn.apply(attention_maps, net)
        >>> maps = look(net.init(jax.random.key(0), tokens), tokens)
        >>> {name: weights.shape for name, weights in maps.items()}
        {'decoder/layer_0/attention': (1, 4, 5, 5), \
'decoder/layer_1/attention': (1, 4, 5, 5)}
    """
    apart, variables = net.unbind()
    _, sown = apart.apply(variables, *inputs, train=False, mutable='intermediates')
    found: dict[str, Array] = {}

    def collect(tree: PyTree, path: tuple[str, ...]) -> None:
        if 'weights' in tree and isinstance(tree['weights'], tuple):
            found['/'.join(path) or 'attention'] = tree['weights'][0]
            return
        for name, part in tree.items():
            if isinstance(part, dict):
                collect(part, (*path, name))

    collect(sown.get('intermediates', {}), ())
    return found


def attention_rollout(maps: dict[str, Array]) -> Array:
    """Follow the attention of a stack of layers down to its inputs.

    The layers follow each other by the numbers in their paths, whatever the order of
    the maps: what is compiled gives them in that of the alphabet, `layer_10` before
    `layer_2`. A layer hands on half of what stands at a place and half of what it
    reads, by the mean of its heads: R_l = (A_l + I) / 2 · R_{l-1}. It is no proof of
    what an output was made from, since the values that are read are left out.

    Args:
        maps: [batch, heads, time, time] by the path of each layer of one stack, such as
            those of `attention_maps` of an encoder.

    Returns:
        [batch, time, time] float32 in [0, 1] of sum 1 in each row: the fraction of
        each input in the state of each place.

    Raises:
        ValueError: for no layer, or those of several stacks.

    Reference:
        Abnar, Zuidema (2020), Quantifying Attention Flow in Transformers,
        https://arxiv.org/abs/2005.00928

    Example:
        >>> weights = jnp.array([[[[1., 0.], [1., 0.]]]])
        >>> print(attention_rollout({'layer_0': weights, 'layer_1': weights})[0])
        [[1.   0.  ]
         [0.75 0.25]]
    """
    if not maps:
        raise ValueError('maps is empty, wanted the weights of one layer or more')
    stacks = {re.sub(r'\d+', '*', path) for path in maps}
    if len(stacks) > 1:
        raise ValueError(
            f'the maps are those of {sorted(stacks)}, wanted the layers of one stack: '
            'leave the others out'
        )
    chex.assert_equal_shape(list(maps.values()))
    fractions: Array | None = None
    for path in sorted(maps, key=_numbers):
        mean = maps[path].mean(axis=1)
        own = jnp.eye(mean.shape[-1], dtype=mean.dtype)[None]
        step = (mean + own) / 2
        fractions = step if fractions is None else step @ fractions
    assert fractions is not None  # there is a layer
    return fractions


def _numbers(path: str) -> list[int]:
    return [int(number) for number in re.findall(r'\d+', path)]
