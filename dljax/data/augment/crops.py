"""Random parts of images."""

from typing import Literal

import jax
import jax.numpy as jnp

from dljax.data.augment.affine import sample_bilinearly
from dljax.data.augment.boxes import draw_box
from dljax.data.augment.form import Augmentation, check_images, check_size, check_span
from dljax.types import Array, Key, fold

MODES = {'zero': 'constant', 'reflect': 'reflect', 'edge': 'edge'}


def random_crop(
    padding: int = 4,
    size: tuple[int, int] | None = None,
    mode: Literal['zero', 'reflect', 'edge'] = 'zero',
) -> Augmentation:
    """Cut a random part out of each image, after a border was put around it.

    The default is that of the residual nets on CIFAR: a shift by up to four pixels.
    Every place is as likely as another.

    Args:
        padding: width of the border, in pixels, at least 0.
        size: (height, width) of the part; `None` is that of the images.
        mode: what the border holds: zeros, the image mirrored, or its edge repeated.

    Returns:
        A pure function `(key, images) -> images`; images:
        [batch, height, width, channel] float, the result [batch, *size, channel].

    Raises:
        ValueError: at construction, for a setting out of range; later, for a part that
            is larger than the image with its border.

    Reference:
        He et al. (2016), Deep Residual Learning for Image Recognition, section 4.2,
        https://arxiv.org/abs/1512.03385

    Example:
        >>> augment = random_crop(4)
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((2, 32, 32, 3))).shape
        (2, 32, 32, 3)
    """
    if padding != int(padding) or padding < 0:
        raise ValueError(f'padding is {padding}, wanted whole pixels, at least 0')
    if mode not in MODES:
        raise ValueError(f"mode is '{mode}', wanted one of {sorted(MODES)}")
    if size is not None:
        check_size('size', size)

    def augment(key: Key, images: Array) -> Array:
        images = check_images(images)
        batch, height, width, channels = images.shape
        rows, columns = size or (height, width)
        border = (padding, padding)
        images = jnp.pad(images, ((0, 0), border, border, (0, 0)), mode=MODES[mode])
        height, width = images.shape[1:3]
        if rows > height or columns > width:
            raise ValueError(
                f'size is {size} for images of {height} x {width} with their border, '
                'wanted no more than that: enlarge padding, or resize first'
            )

        def first(name: str, most: int) -> Array:
            return jax.random.randint(fold(key, name), (batch, 1), 0, most + 1)

        # One flat index a pixel, as in `sample_bilinearly`: faster on the CPU than
        # slices.
        y = first('row', height - rows) + jnp.arange(rows)[None, :]
        x = first('column', width - columns) + jnp.arange(columns)[None, :]
        place = (y[:, :, None] * width + x[:, None, :]).reshape(batch, -1, 1)
        flat = images.reshape(batch, -1, channels)
        part = jnp.take_along_axis(flat, place, axis=1, mode='promise_in_bounds')
        return part.reshape(batch, rows, columns, channels)

    return augment


def random_resized_crop(
    size: tuple[int, int],
    area: tuple[float, float] = (0.08, 1.0),
    aspect: tuple[float, float] = (3 / 4, 4 / 3),
) -> Augmentation:
    """Cut out a part of random area and aspect ratio and bring it to one size.

    It is read bilinearly, without a filter against aliasing: where `size` is less than
    half of the image, resize the images before. Other than torchvision's, the part
    begins and ends between pixels.

    Args:
        size: (height, width) of the result.
        area: smallest and largest part, as a fraction of the image's area; uniform.
        aspect: smallest and largest ratio of width to height; uniform in its logarithm.

    Returns:
        A pure function `(key, images) -> images`; images:
        [batch, height, width, channel] float, the result [batch, *size, channel]. Where
        ten draws do not fit into the image, the largest part in its middle is taken.

    Raises:
        ValueError: at construction, for a setting out of range.

    Reference:
        Szegedy et al. (2015), Going Deeper with Convolutions, section 6,
        https://arxiv.org/abs/1409.4842

    Example:
        >>> augment = random_resized_crop((24, 24))
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((2, 32, 48, 3))).shape
        (2, 24, 24, 3)
    """
    check_size('size', size)
    check_span('area', area, 1.0)
    check_span('aspect', aspect)

    def augment(key: Key, images: Array) -> Array:
        batch, height, width, _ = check_images(images).shape
        box, _ = draw_box(key, batch, (height, width), area, aspect)

        def places(first: Array, length: Array, count: int, pixels: int) -> Array:
            middle = jnp.arange(count, dtype=jnp.float32)[None, :] + 0.5
            place = first[:, None] + middle * (length / count)[:, None] - 0.5
            return jnp.clip(place, 0, pixels - 1)

        y = places(box.top, box.height, size[0], height)[:, :, None]
        x = places(box.left, box.width, size[1], width)[:, None, :]
        whole = (batch, *size)
        return sample_bilinearly(
            images, jnp.broadcast_to(y, whole), jnp.broadcast_to(x, whole)
        )

    return augment
