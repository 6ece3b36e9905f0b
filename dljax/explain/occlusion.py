"""Maps from what is lost where a part of the image is covered (U1.16)."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.explain.target import choose_label, evidence, pure
from dljax.layers.images import check_images
from dljax.types import Array


def occlusion(
    net: nn.Module,
    image: Array,
    label: Array | None = None,
    *,
    patch: int = 3,
    stride: int = 1,
    value: float = 0.0,
) -> Array:
    """Show by how much the logit falls when a patch is covered.

    A square patch is moved over the image; a pixel gets the mean fall over the patches
    that cover it. It takes no gradient, so it works for nets that have none.

    Args:
        net: a bound module, `(image, train) -> [batch, classes]` logits.
        image: [batch, height, width, channel].
        label: [batch] int32, the class explained; None for the one predicted.
        patch: side of the patch, in pixels.
        stride: pixels from one place of it to the next, at most its side. The number of
            places grows as 1 / stride², and one place after the other is computed.
        value: of the pixels of the patch.

    Returns:
        [batch, height, width, 1] float32, negative where covering helps the class.

    Raises:
        ValueError: for what are no images, a net without logits, a patch that is larger
            than the image, or a stride that leaves gaps.

    Reference:
        Zeiler, Fergus (2014), Visualizing and Understanding Convolutional Networks,
        https://arxiv.org/abs/1311.2901
    """
    check_images(image)
    predict = pure(net, image)
    height, width = image.shape[1:3]
    if not 1 <= stride <= patch <= min(height, width):
        raise ValueError(
            f'patch is {patch} and stride {stride} for images of {height}x{width}, '
            'wanted 1 <= stride <= patch <= the shorter side'
        )
    masks = jnp.asarray(_masks(height, width, patch, stride))
    logits = predict(image)
    label = choose_label(logits, label)
    before = evidence(logits, label)

    def fall(mask: Array) -> Array:
        covered = jnp.where(mask[None, :, :, None] > 0, value, image)
        return before - evidence(predict(covered.astype(image.dtype)), label)

    falls = jax.lax.map(fall, masks)  # [place, batch]
    found = jnp.einsum('pb,phw->bhw', falls, masks) / masks.sum(0)[None]
    return found[..., None]


def _masks(height: int, width: int, patch: int, stride: int) -> np.ndarray:
    """Give all places of the patch, the last row and column too: [place, h, w]."""

    def covers(size: int) -> np.ndarray:
        starts = np.unique([*range(0, size - patch, stride), size - patch])
        place = np.arange(size)
        return (starts[:, None] <= place) & (place < starts[:, None] + patch)

    rows, columns = covers(height), covers(width)
    masks = rows[:, None, :, None] & columns[None, :, None, :]
    return masks.reshape(-1, height, width).astype(np.float32)
