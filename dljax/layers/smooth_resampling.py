"""Twice or half the side through a low-pass filter, so that nothing is aliased."""

import jax
import jax.numpy as jnp

from dljax.types import Array

TAPS = (0.125, 0.375, 0.375, 0.125)  # (1, 3, 3, 1) / 8 along each side


def blur(maps: Array, before: int, after: int, gain: float = 1.0) -> Array:
    """Filter along both sides with (1, 3, 3, 1) / 8, behind a border of zeros.

    Args:
        maps: [batch, height, width, channel].
        before: zeros added above and to the left.
        after: zeros added below and to the right.
        gain: what the result is multiplied by.

    Returns:
        [batch, height + before + after - 3, width + before + after - 3, channel].

    Reference:
        Karras et al. (2019), A Style-Based Generator Architecture for Generative
        Adversarial Networks, https://arxiv.org/abs/1812.04948
        Zhang (2019), Making Convolutional Networks Shift-Invariant Again,
        https://arxiv.org/abs/1904.11486; the filter.

    Example:
        >>> print(8 * blur(jnp.ones((1, 4, 4, 1)), 2, 2)[0, 2, :, 0])
        [4. 7. 8. 7. 4.]
    """
    edge = ((0, 0), (before, after), (before, after), (0, 0))
    maps = jnp.pad(maps, edge) * jnp.asarray(gain, maps.dtype)
    # Four shifted maps are added up faster than they are convolved channel by channel.
    for axis in (1, 2):
        length = maps.shape[axis] - len(TAPS) + 1
        maps = sum(
            (
                jnp.asarray(tap, maps.dtype)
                * jax.lax.slice_in_dim(maps, index, index + length, axis=axis)
                for index, tap in enumerate(TAPS)
            ),
            start=jnp.zeros((), maps.dtype),
        )
    return maps


def upsample_smooth(maps: Array) -> Array:
    """Double the side: between its places the map is interpolated linearly.

    Args:
        maps: [batch, height, width, channel].

    Returns:
        [batch, 2 height, 2 width, channel]; beyond the edge lie zeros.

    Example:
        >>> print(upsample_smooth(jnp.full((1, 3, 3, 1), 4.))[0, 2, :, 0])
        [3. 4. 4. 4. 4. 3.]
    """
    spread = jax.lax.pad(
        maps,
        jnp.zeros((), maps.dtype),
        ((0, 0, 0), (0, 1, 1), (0, 1, 1), (0, 0, 0)),  # a zero behind each place
    )
    return blur(spread, 2, 1, gain=4.0)


def downsample_smooth(maps: Array) -> Array:
    """Halve the side: every other place of the filtered map.

    Args:
        maps: [batch, height, width, channel] of even sides.

    Returns:
        [batch, height / 2, width / 2, channel].

    Example:
        >>> print(downsample_smooth(jnp.full((1, 4, 4, 1), 8.))[0, :, :, 0])
        [[6.125 6.125]
         [6.125 6.125]]
    """
    return blur(maps, 1, 1)[:, ::2, ::2]
