"""Brightness, contrast, saturation and hue of images, as torchvision defines them."""

import jax
import jax.numpy as jnp

from dljax.data.augment.form import Augmentation, check_images, of_each
from dljax.types import Array, Key, fold

# Of red, green and blue in what the eye sees as bright (ITU-R BT.601).
LUMA = (0.2989, 0.587, 0.114)


def colour_jitter(
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
) -> Augmentation:
    """Change brightness, contrast, saturation and hue by random factors.

    They are changed in this order, where torchvision draws one: the first three blend
    the image with black, with its mean grey and with its own grey version, and commute
    but for the clipping.

    Args:
        brightness: at least 0; the factor is uniform in [1 - brightness,
            1 + brightness], never below 0.
        contrast: the same of the contrast.
        saturation: the same of the saturation; images need 3 channels.
        hue: in [0, 0.5], a fraction of the colour circle; the turn is uniform in
            [-hue, hue]; images need 3 channels.

    Returns:
        A pure function `(key, images) -> images`; images:
        [batch, height, width, channel] float in [0, 1], and clipped to it.

    Raises:
        ValueError: at construction, for a setting out of range; later, for images
            without the channels.

    Reference:
        Howard (2013), Some Improvements on Deep Convolutional Neural Network Based
        Image Classification, https://arxiv.org/abs/1312.5402

    Example:
        >>> augment = colour_jitter(0.4, 0.4, 0.4, 0.1)
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((2, 8, 8, 3))).shape
        (2, 8, 8, 3)
    """
    blends = {
        adjust_brightness: ('brightness', brightness),
        adjust_contrast: ('contrast', contrast),
        adjust_saturation: ('saturation', saturation),
    }
    for name, span in blends.values():
        if not 0 <= span < float('inf'):
            raise ValueError(f'{name} is {span}, wanted a number of at least 0')
    if not 0 <= hue <= 0.5:
        raise ValueError(
            f'hue is {hue}, wanted a fraction of the colour circle in [0, 0.5]: half '
            'of it to either side is all of it'
        )

    def augment(key: Key, images: Array) -> Array:
        dtype = check_images(images).dtype
        images = images.astype(jnp.float32)

        def draw(name: str, low: float, high: float) -> Array:
            shape = images.shape[:1]
            return jax.random.uniform(fold(key, name), shape, minval=low, maxval=high)

        for blend, (name, span) in blends.items():
            if span:
                images = blend(images, draw(name, max(1 - span, 0.0), 1 + span))
        if hue:
            images = adjust_hue(images, draw('hue', -hue, hue))
        return images.astype(dtype)

    return augment


def adjust_brightness(images: Array, factor: Array | float) -> Array:
    """Blend with black: 0 gives black, 1 the image, 2 twice the brightness.

    Args:
        images: [batch, height, width, channel] float in [0, 1].
        factor: [batch] or scalar, at least 0.

    Returns:
        The same shape and type, clipped to [0, 1].
    """
    return _blended(images, jnp.zeros((1, 1, 1, 1)), factor)


def adjust_contrast(images: Array, factor: Array | float) -> Array:
    """Blend with the mean grey of the image: 0 gives that, 1 the image.

    Args:
        images: [batch, height, width, channel] float in [0, 1].
        factor: [batch] or scalar, at least 0.

    Returns:
        The same shape and type, clipped to [0, 1].
    """
    grey = _luma(images) if images.shape[-1] == 3 else images
    mean = grey.mean((1, 2, 3), keepdims=True, dtype=jnp.float32)
    return _blended(images, mean, factor)


def adjust_saturation(images: Array, factor: Array | float) -> Array:
    """Blend with the grey version of the image: 0 gives that, 1 the image.

    Args:
        images: [batch, height, width, 3] float in [0, 1].
        factor: [batch] or scalar, at least 0.

    Returns:
        The same shape and type, clipped to [0, 1].

    Raises:
        ValueError: for images without three channels.
    """
    return _blended(images, _luma(images), factor)


def to_grayscale(images: Array) -> Array:
    """Make images grey: the weighted mean of the channels, in all three of them.

    Args:
        images: [batch, height, width, 3] float.

    Returns:
        The same shape and type; `result[..., :1]` is a grey image of one channel.

    Raises:
        ValueError: for images without three channels.

    Example:
        >>> red = jnp.array([1.0, 0.0, 0.0]).reshape(1, 1, 1, 3)
        >>> print(to_grayscale(red).ravel())
        [0.2989 0.2989 0.2989]
    """
    return jnp.broadcast_to(_luma(images), images.shape)


def adjust_hue(images: Array, turn: Array | float) -> Array:
    r"""Turn the colours of images around the colour circle.

    With value $v = \max$, chroma $c = v - \min$ and hue $h$ in sixths of the circle,
    channel $n \in \{5, 3, 1\}$ becomes
    $v - c \max(0, \min(k, 4 - k, 1))$, $k = (n + h + 6\,\mathrm{turn}) \bmod 6$.

    Args:
        images: [batch, height, width, 3] float in [0, 1].
        turn: [batch] or scalar, as a fraction of the circle; 1/3 makes red green.

    Returns:
        The same shape and type.

    Raises:
        ValueError: for images without three channels.
    """
    dtype = images.dtype
    red, green, blue = (part.astype(jnp.float32) for part in _channels(images))
    value = jnp.maximum(jnp.maximum(red, green), blue)
    chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
    # Grey has no hue; the 1 keeps value and gradient finite.
    divisor = jnp.where(chroma > 0, chroma, 1.0)
    hue = jnp.where(
        value == red,
        (green - blue) / divisor,
        jnp.where(
            value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4
        ),
    )
    hue = hue + 6 * _of_each(images, turn)
    k = hue + jnp.array([5.0, 3.0, 1.0])[None, None, None, :]
    k = k - 6 * jnp.floor(k / 6)  # the remainder, ten times as fast as jnp.mod
    result = value - chroma * jnp.clip(jnp.minimum(k, 4 - k), 0, 1)
    return result.astype(dtype)


def _blended(images: Array, other: Array, factor: Array | float) -> Array:
    factor = _of_each(check_images(images), factor)
    result = factor * images.astype(jnp.float32) + (1 - factor) * other
    return jnp.clip(result, 0, 1).astype(images.dtype)


def _luma(images: Array) -> Array:
    # By slices: a sum over so short an axis is 30 times slower on the CPU.
    parts = zip(LUMA, _channels(images), strict=True)
    red, green, blue = (weight * part for weight, part in parts)
    return red + green + blue


def _of_each(images: Array, values: Array | float) -> Array:
    values = jnp.broadcast_to(jnp.asarray(values, jnp.float32), images.shape[:1])
    return of_each(values, images)


def _channels(images: Array) -> list[Array]:
    if check_images(images).shape[-1] != 3:
        raise ValueError(
            f'images have {images.shape[-1]} channels, wanted 3 (red, green, blue): '
            'saturation, hue and greyness are of colours'
        )
    return [images[..., i : i + 1] for i in range(3)]
