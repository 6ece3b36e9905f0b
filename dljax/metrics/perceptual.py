"""How unlike two images look to a network, by its feature maps (LPIPS's distance)."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from dljax.types import Array

EPSILON = 1e-10


def perceptual_distance(
    maps: Sequence[Array | np.ndarray],
    others: Sequence[Array | np.ndarray],
    *,
    weights: Sequence[Array | np.ndarray] | None = None,
) -> Array:
    r"""Distance of images by the feature maps of several layers, each of unit length.

    $d = \sum_l \frac{1}{H_l W_l} \sum_{h, w} \sum_c w_{lc} (\hat y^l_{hwc} - \hat
    x^l_{hwc})^2$, where $\hat y^l_{hw}$ is the vector of all channels at a place,
    divided by its length. A place without any activation stays 0. A distance says
    nothing without the network that it was taken by.

    Args:
        maps: [batch, height, width, channels] of each layer, for the images.
        others: the same, for the images that they are compared with.
        weights: [channels] of each layer, at least 0; by default all 1, as where
            nothing was learned from people's judgements.

    Returns:
        [batch] float32, at least 0 and, of rectified maps without weights, at most
        twice the number of layers.

    Raises:
        ValueError: for no layer, layers that do not fit together, or other axes.

    Reference:
        Zhang et al. (2018), The Unreasonable Effectiveness of Deep Features as a
        Perceptual Metric, https://arxiv.org/abs/1801.03924

    Example:
        >>> one, other = jnp.ones((1, 2, 2, 1)), jnp.zeros((1, 2, 2, 1))
        >>> print(perceptual_distance([one, one], [2 * one, other]))
        [1.]
    """
    weights = [np.ones(layer.shape[-1:]) for layer in maps] if not weights else weights
    shapes = [layer.shape for layer in maps]
    wanted = [layer.shape for layer in others]
    sizes = [(len(np.shape(w)), *np.shape(w)) for w in weights]
    if (
        not shapes
        or shapes != wanted
        or any(len(shape) != 4 for shape in shapes)
        or sizes != [(1, shape[-1]) for shape in shapes]
    ):
        raise ValueError(
            f'maps have shapes {shapes}, others {wanted} and weights '
            f'{[np.shape(w) for w in weights]}, wanted one or more layers of [batch, '
            'height, width, channels] in both, and [channels] weights of each'
        )
    distance = jnp.zeros(shapes[0][0])
    for layer, other, weight in zip(maps, others, weights, strict=True):
        squares = jnp.square(_unit(layer) - _unit(other))
        weighted = squares * jnp.asarray(weight, jnp.float32)[None, None, None, :]
        distance += weighted.sum(-1).mean((1, 2))
    return distance


def _unit(layer: Array | np.ndarray) -> Array:
    """Give each place unit length, with a gradient of 0 where all is 0."""
    layer = jnp.asarray(layer, jnp.float32)
    squares = jnp.square(layer).sum(-1, keepdims=True)
    length = jnp.sqrt(jnp.where(squares > 0, squares, 1.0))
    return layer / (length + EPSILON)
