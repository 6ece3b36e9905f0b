"""Styles of one example in the coarse layers, of another in the fine ones."""

import jax.numpy as jnp

from dljax.types import Array


def mix_styles(first: Array, second: Array, place: Array) -> Array:
    """Take the styles of the layers before a place from one, the others from another.

    Args:
        first: [batch, layers, style].
        second: [batch, layers, style].
        place: [batch] integers, the first layer of the second; the number of layers
            leaves the first as it is.

    Returns:
        [batch, layers, style].

    Reference:
        Karras et al. (2019), A Style-Based Generator Architecture for Generative
        Adversarial Networks, section 3.1, https://arxiv.org/abs/1812.04948

    Example:
        >>> one, two = jnp.zeros((1, 3, 1)), jnp.ones((1, 3, 1))
        >>> print(mix_styles(one, two, jnp.array([1]))[0, :, 0])
        [0. 1. 1.]
    """
    before = jnp.arange(first.shape[1])[None] < place[:, None]
    return jnp.where(before[:, :, None], first, second)
