"""Paths from one noise vector to another."""

from collections.abc import Callable

import jax.numpy as jnp

from dljax.types import Array

# `(first, last, fraction) -> noise`, where fraction goes from 0 to 1.
Path = Callable[[Array, Array, Array], Array]


def linear(first: Array, last: Array, fraction: Array) -> Array:
    """Go from one noise vector to another by the straight line.

    For noise that is uniform in a cube, which holds the whole line. Of normal noise in
    many dimensions the middle is shorter, by √2, than nearly all that was trained on.

    Args:
        first: [..., latent], where fraction is 0.
        last: [..., latent], where it is 1.
        fraction: of the way, [...] or broadcast to that.

    Returns:
        [..., latent].

    Example:
        >>> print(linear(jnp.array([3., 0.]), jnp.array([0., 4.]), jnp.array(.5)))
        [1.5 2. ]
    """
    fraction = fraction[..., None]
    return (1 - fraction) * first + fraction * last


def spherical(first: Array, last: Array, fraction: Array) -> Array:
    r"""Go from one noise vector to another along the arc between their directions.

    $(\sin((1-s)\theta) a + \sin(s\theta) b) / \sin\theta$ with the angle θ between a
    and b. Normal noise in many dimensions lies near a sphere, and so does the whole
    arc.

    Args:
        first: [..., latent] a, where fraction is 0.
        last: [..., latent] b, where it is 1; not opposite to the first.
        fraction: of the way, [...] or broadcast to that.

    Returns:
        [..., latent]; the straight line where the two have one direction.

    Reference:
        White (2016), Sampling Generative Networks, https://arxiv.org/abs/1609.04468

    Example:
        >>> way = spherical(jnp.array([2., 0.]), jnp.array([0., 2.]), jnp.array(.5))
        >>> print(way.round(4), jnp.linalg.norm(way).round(4))
        [1.4142 1.4142] 2.0
    """
    fraction = fraction[..., None]
    lengths = [jnp.linalg.norm(end, axis=-1, keepdims=True) for end in (first, last)]
    cosine = (first * last).sum(-1, keepdims=True) / (lengths[0] * lengths[1])
    angle = jnp.arccos(jnp.clip(cosine, -1.0, 1.0))
    straight = angle < 1e-3
    angle = jnp.where(straight, 1.0, angle)
    arc = jnp.sin((1 - fraction) * angle) * first + jnp.sin(fraction * angle) * last
    line = (1 - fraction) * first + fraction * last
    return jnp.where(straight, line, arc / jnp.sin(angle))
