"""How much a colour picture looks like another by its brightness alone."""

import jax.numpy as jnp

from dljax.metrics.image_quality import psnr, ssim
from dljax.types import Array

_WEIGHTS = (65.481, 128.553, 24.966)  # of red, green and blue in [0, 1]


def luma(images: Array) -> Array:
    """Compute the brightness Y of BT.601, in the units of 8 bits.

    Y = 16 + 65.481 R + 128.553 G + 24.966 B: black is 16 and white 235. It is not
    rounded.

    Args:
        images: [..., channel] in [0, 1], red, green and blue; or one channel, grey,
            which stands for equal ones.

    Returns:
        [..., 1] float32 in [16, 235].

    Raises:
        ValueError: for another number of channels.

    Reference:
        ITU-R (2011), Recommendation BT.601-7, https://www.itu.int/rec/R-REC-BT.601

    Example:
        >>> import jax.numpy as jnp
        >>> print(luma(jnp.array([[0., 0., 0.], [1., 1., 1.]])).ravel())
        [ 16. 235.]
    """
    images = jnp.asarray(images, jnp.float32)
    if images.shape[-1:] not in ((1,), (3,)):
        raise ValueError(
            f'images have shape {images.shape}, wanted 1 or 3 channels as the last axis'
        )
    weights = jnp.array(_WEIGHTS) if images.shape[-1] == 3 else sum(_WEIGHTS)
    weighted = images * jnp.reshape(weights, (1,) * (images.ndim - 1) + (-1,))
    return 16.0 + weighted.sum(-1, keepdims=True)


def psnr_luma(
    images: Array, targets: Array, *, border: int = 0, rounded: bool = True
) -> Array:
    """Peak signal-to-noise ratio of the brightness, as super-resolution reports it.

    Args:
        images: [batch, height, width, channel] in [0, 1] with 1 or 3 channels.
        targets: the true images, of the shape of `images`.
        border: pixels that are left out along each edge, by custom the scale.
        rounded: whether Y is rounded to whole numbers, as the papers' `rgb2ycbcr` does
            with 8-bit pictures.

    Returns:
        [batch] float32 in dB, the range being 255; infinite for an exact copy.

    Raises:
        ValueError: for unequal shapes, another number of channels, or a border that
            leaves nothing.

    Example:
        >>> import jax.numpy as jnp
        >>> grey = jnp.full((1, 8, 8, 3), .5)
        >>> print(psnr_luma(grey, grey + 10 / 219).astype(int))
        [28]
    """
    pair = (_inside(values, border, rounded) for values in (images, targets))
    return psnr(*pair, data_range=255.0)


def ssim_luma(
    images: Array, targets: Array, *, border: int = 0, rounded: bool = True
) -> Array:
    """Structural similarity of the brightness, as super-resolution reports it.

    Windows of 11x11 pixels with Gaussian weights of 1.5 pixels, wholly inside.

    Args:
        images: [batch, height, width, channel] in [0, 1] with 1 or 3 channels.
        targets: the true images, of the shape of `images`.
        border: pixels that are left out along each edge, by custom the scale.
        rounded: whether Y is rounded to whole numbers, as the papers' `rgb2ycbcr` does
            with 8-bit pictures.

    Returns:
        [batch] float32 in [-1, 1]; 1 for an exact copy.

    Raises:
        ValueError: for unequal shapes, another number of channels, or images of less
            than 11 pixels without their border.

    Reference:
        Wang et al. (2004), Image Quality Assessment: From Error Visibility to
        Structural Similarity, https://doi.org/10.1109/TIP.2003.819861

    Example:
        >>> import jax
        >>> image = jax.random.uniform(jax.random.key(0), (1, 20, 20, 3))
        >>> print(ssim_luma(image, image, border=4).round(3))
        [1.]
    """
    pair = (_inside(values, border, rounded) for values in (images, targets))
    return ssim(*pair, data_range=255.0)


def _inside(images: Array, border: int, rounded: bool) -> Array:
    height, width = images.shape[1:3]
    if border < 0 or min(height, width) <= 2 * border:
        raise ValueError(
            f'border is {border} for images of {height} x {width} pixels, wanted 0 or '
            'more, and a pixel between'
        )
    inside = luma(images[:, border : height - border, border : width - border])
    return jnp.rint(inside) if rounded else inside
