"""How much an image looks like another: PSNR and SSIM."""

import math

import jax
import jax.numpy as jnp

from dljax.types import Array


def psnr(images: Array, targets: Array, *, data_range: float | None = None) -> Array:
    """Peak signal-to-noise ratio of each image, 10 log₁₀(L² / MSE).

    Twice the error costs 6 dB. The mean over images is not the ratio of the mean error.

    Args:
        images: [batch, height, width, channel], or any shape with a batch axis.
        targets: the true images, of the shape of `images`.
        data_range: L, from the darkest to the brightest value that is possible; by
            default 1 for floats and what their type holds for integers, such as 255.

    Returns:
        [batch] float32 in dB; infinite for an exact copy.

    Raises:
        ValueError: if the shapes or, without a range, the kinds of numbers differ, or
            the range is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> print(psnr(jnp.full((1, 2, 2, 1), .6), jnp.full((1, 2, 2, 1), .5)).round(3))
        [20.]
    """
    images, targets, data_range = _pair(images, targets, data_range)
    # Errors in ranges: their squares neither overflow nor vanish.
    squares = jnp.square((images - targets) / data_range).reshape(len(images), -1)
    return -10.0 * jnp.log10(squares.mean(1))


def ssim(
    images: Array,
    targets: Array,
    *,
    window: int = 11,
    sigma: float | None = 1.5,
    data_range: float | None = None,
    sample_covariance: bool = False,
) -> Array:
    """Structural similarity of each image: the mean over windows and channels of s.

    s = (2 μₓμᵧ + C₁)(2 σₓᵧ + C₂) / ((μₓ² + μᵧ² + C₁)(σₓ² + σᵧ² + C₂)), C₁ = (.01 L)²,
    C₂ = (.03 L)², with the means, variances and covariance in a window. A window lies
    wholly inside the image. It is the paper's, 11x11 and Gaussian, by default; images
    that are smaller need a smaller one, such as `window=7, sigma=None`.

    Args:
        images: [batch, height, width, channel]; each channel counts by itself.
        targets: the true images, of the shape of `images`.
        window: its height and width in pixels, an odd number from 3 on.
        sigma: standard deviation of its Gaussian weights in pixels; None for equal
            weights.
        data_range: L, from the darkest to the brightest value that is possible; by
            default 1 for floats and what their type holds for integers, such as 255.
        sample_covariance: whether (co)variances are those of a sample, divided by n - 1
            for the n pixels of a window, instead of the paper's.

    Returns:
        [batch] float32 in [-1, 1]; 1 for an exact copy.

    Raises:
        ValueError: if the shapes or, without a range, the kinds of numbers differ, if
            they are no images, or for a window, sigma or range that cannot be.

    Reference:
        Wang et al. (2004), Image Quality Assessment: From Error Visibility to
        Structural Similarity, https://doi.org/10.1109/TIP.2003.819861

    Example:
        >>> import jax, jax.numpy as jnp
        >>> images = jax.random.uniform(jax.random.key(0), (2, 16, 16, 3))
        >>> print(ssim(images, images).round(4), ssim(1. - images, images) < 0.)
        [1. 1.] [ True  True]
    """
    x, y, data_range = _pair(images, targets, data_range)
    _check_window(x.shape, window, sigma)
    # The statistics of each channel: as if it were an image of its own, in ranges, and
    # from the mean of both on, beside which what varies in a window may be small.
    x, y = (
        jnp.moveaxis(values / data_range, -1, 1).reshape(-1, *values.shape[1:3], 1)
        for values in (x, y)
    )
    middle = (x + y).mean((1, 2), keepdims=True) / 2
    x, y = x - middle, y - middle
    moments = _windowed(jnp.concatenate([x, y, x * x, y * y, x * y]), window, sigma)
    mean_x, mean_y, xx, yy, xy = jnp.split(moments, 5)
    scale = window**2 / (window**2 - 1) if sample_covariance else 1.0
    variances = scale * ((xx - mean_x**2) + (yy - mean_y**2))
    covariance = scale * (xy - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    mean_x, mean_y = mean_x + middle, mean_y + middle
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (luminance * structure).reshape(len(images), -1).mean(1)


def _windowed(images: Array, window: int, sigma: float | None) -> Array:
    """Average over each window inside the images, [count, height, width, 1]."""
    place = jnp.arange(window, dtype=jnp.float32) - window // 2
    if sigma is None:
        weights = jnp.ones(window)
    else:
        weights = jnp.exp(-0.5 * jnp.square(place / sigma))
    weights = weights / weights.sum()
    for shape in ((window, 1, 1, 1), (1, window, 1, 1)):
        images = jax.lax.conv_general_dilated(
            images,
            weights.reshape(shape),
            (1, 1),
            'VALID',
            dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
            precision=jax.lax.Precision.HIGHEST,  # variances are small differences
        )
    return images


def _check_window(shape: tuple[int, ...], window: int, sigma: float | None) -> None:
    if len(shape) != 4:
        raise ValueError(
            f'images have shape {shape}, wanted [batch, height, width, channel]: add '
            'the missing axis'
        )
    if window < 3 or window % 2 == 0 or window > min(shape[1:3]):
        raise ValueError(
            f'window is {window} for images of {shape[1]}x{shape[2]} pixels, wanted an '
            f'odd number from 3 to {min(shape[1:3])}'
        )
    if sigma is not None and not sigma > 0:
        raise ValueError(
            f'sigma is {sigma}, wanted a positive number of pixels, or None for equal '
            'weights'
        )


def _pair(
    images: Array, targets: Array, data_range: float | None
) -> tuple[Array, Array, float]:
    images, targets = jnp.asarray(images), jnp.asarray(targets)
    if images.shape != targets.shape or targets.ndim < 2:
        raise ValueError(
            f'images and targets have shapes {images.shape} and {targets.shape}, '
            'wanted equal shapes with a batch axis: reshape one'
        )
    if data_range is None:
        ranges = {_range_of(images), _range_of(targets)}
        if len(ranges) > 1:
            raise ValueError(
                f'images and targets are {images.dtype} and {targets.dtype}, wanted '
                'one range of values for both: convert one, or give data_range'
            )
        data_range = ranges.pop()
    if not (data_range > 0 and math.isfinite(data_range)):
        raise ValueError(f'data_range is {data_range}, wanted a positive number')
    images, targets = images.astype(jnp.float32), targets.astype(jnp.float32)
    return images, targets, float(data_range)


def _range_of(images: Array) -> float:
    if not jnp.issubdtype(images.dtype, jnp.integer):
        return 1.0
    kind = jnp.iinfo(images.dtype)
    return float(kind.max) - float(kind.min)
