"""Images mixed with others of their batch, whose labels then mix likewise."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dljax.data.augment.boxes import Box, mark
from dljax.data.augment.form import check_images, of_each
from dljax.types import Array, Key, fold


class Mixed(NamedTuple):
    """A batch of mixed images, and of what they are made.

    The loss of example i is `fraction[i]` times that of its own label and the rest
    times that of the label of example `partner[i]`: cross-entropy is linear in the
    target, so this is the loss of the mixed label.

    Attributes:
        images: [batch, ...] float.
        partner: [batch] int32, the example mixed in.
        fraction: [batch] float32 in [0, 1], of the example itself.
    """

    images: Array
    partner: Array
    fraction: Array


Mixing = Callable[[Key, Array], Mixed]


def mixup(alpha: float = 0.2) -> Mixing:
    r"""Blend each image with another of its batch: $\lambda x_i + (1-\lambda) x_j$.

    $\lambda \sim \mathrm{Beta}(\alpha, \alpha)$ and $j$ is a random permutation; the
    authors' code draws one $\lambda$ for a batch, here each example draws its own.

    Args:
        alpha: at least 0; small values leave most images nearly alone, 0 all of them.

    Returns:
        A pure function `(key, images) -> Mixed` for `objectives.classify(mix=...)`;
        images: [batch, ...] float of any rank.

    Raises:
        ValueError: at construction, for a negative alpha.

    Reference:
        Zhang et al. (2018), mixup: Beyond Empirical Risk Minimization,
        https://arxiv.org/abs/1710.09412

    Example:
        >>> images = jnp.arange(3.0).reshape(3, 1, 1, 1)
        >>> images, partner, fraction = jax.jit(mixup(1.0))(jax.random.key(0), images)
        >>> images.shape, partner.shape, fraction.shape
        ((3, 1, 1, 1), (3,), (3,))
    """
    _check_alpha(alpha)

    def mix(key: Key, images: Array) -> Mixed:
        fraction, partner = _drawn(key, images, alpha)
        weight = of_each(fraction, images).astype(images.dtype)
        return Mixed(
            weight * images + (1 - weight) * images[partner], partner, fraction
        )

    return mix


def cutmix(alpha: float = 1.0) -> Mixing:
    r"""Paste a rectangle of another image of the batch into each.

    Its sides are $\sqrt{1-\lambda}$ of the image's with
    $\lambda \sim \mathrm{Beta}(\alpha, \alpha)$, its centre is anywhere, and what
    reaches outside is cut off. The fraction is that of the pixels which stayed.

    Args:
        alpha: at least 0; 0 leaves all images alone.

    Returns:
        A pure function `(key, images) -> Mixed` for `objectives.classify(mix=...)`;
        images: [batch, height, width, channel] float.

    Raises:
        ValueError: at construction, for a negative alpha.

    Reference:
        Yun et al. (2019), CutMix: Regularization Strategy to Train Strong Classifiers
        with Localizable Features, https://arxiv.org/abs/1905.04899

    Example:
        >>> images = jnp.arange(3.0).reshape(3, 1, 1, 1)
        >>> images, partner, fraction = jax.jit(cutmix())(jax.random.key(0), images)
        >>> images.shape, partner.shape, fraction.shape
        ((3, 1, 1, 1), (3,), (3,))
    """
    _check_alpha(alpha)

    def mix(key: Key, images: Array) -> Mixed:
        fraction, partner = _drawn(key, check_images(images), alpha)
        batch, height, width, _ = images.shape
        side = jnp.sqrt(1 - fraction)
        top, left = (
            pixels * (jax.random.uniform(fold(key, name), (batch,)) - side / 2)
            for name, pixels in (('row', height), ('column', width))
        )
        box = Box(top, left, side * height, side * width)
        pasted = mark(box, (height, width))
        images = jnp.where(pasted, images[partner], images)
        return Mixed(images, partner, 1 - pasted.mean((1, 2, 3)))

    return mix


def _drawn(key: Key, images: Array, alpha: float) -> tuple[Array, Array]:
    batch = len(images)
    partner = jax.random.permutation(fold(key, 'partner'), batch)
    if alpha == 0:  # the limit, of which Beta has no density
        return jnp.ones((batch,)), partner
    if alpha == 1:  # the same law, without the rejection sampling of gamma variables
        return jax.random.uniform(fold(key, 'share'), (batch,)), partner
    # Beta is one gamma variable over the sum of two; the logarithm keeps those near 0
    # apart.
    first, second = jax.random.loggamma(fold(key, 'share'), alpha, (2, batch))
    return jax.nn.sigmoid(first - second), partner


def _check_alpha(alpha: float) -> None:
    if not 0 <= alpha < float('inf'):
        raise ValueError(f'alpha is {alpha}, wanted a number of at least 0')
