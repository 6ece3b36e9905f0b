"""How much the examples of a batch differ, as a feature map."""

import jax.numpy as jnp

from dljax.types import Array

EPSILON = 1e-8


def minibatch_deviation(maps: Array, group: int = 4) -> Array:
    """Append a map of the standard deviation over a group of examples, averaged.

    A discriminator sees by it whether the samples of a batch are too much alike.

    Args:
        maps: [batch, height, width, channel].
        group: examples that are compared, the largest divisor of the batch up to it.

    Returns:
        [batch, height, width, channel + 1]; the last map is constant for an example and
        the same for all of a group.

    Raises:
        ValueError: for a group below 1.

    Reference:
        Karras et al. (2018), Progressive Growing of GANs for Improved Quality,
        Stability, and Variation, section 3, https://arxiv.org/abs/1710.10196

    Example:
        >>> maps = jnp.array([0., 2.])[:, None, None, None]
        >>> print(minibatch_deviation(maps)[:, 0, 0].round(3))
        [[0. 1.]
         [2. 1.]]
    """
    if group < 1:
        raise ValueError(f'group is {group}, wanted at least 1')
    batch, height, width, channels = maps.shape
    size = next(size for size in range(min(group, batch), 0, -1) if batch % size == 0)
    kind = jnp.promote_types(maps.dtype, jnp.float32)
    # Neighbours in a batch are of different groups.
    apart = maps.astype(kind).reshape(size, -1, height, width, channels)
    apart = apart - apart.mean(0, keepdims=True)
    deviation = jnp.sqrt(jnp.square(apart).mean(0) + EPSILON).mean((1, 2, 3))
    whole = jnp.tile(deviation, size)[:, None, None, None].astype(maps.dtype)
    whole = jnp.broadcast_to(whole, (batch, height, width, 1))
    return jnp.concatenate([maps, whole], axis=-1)
