"""The checks that a network makes of the sizes of its images."""

import numpy as np

from dljax.types import Array


def check_images(image: Array | np.ndarray, smallest: int = 1) -> None:
    """Refuse what is no batch of images, or images that pooling would use up.

    Args:
        image: [batch, height, width, channel].
        smallest: the least height and width that the network can take.

    Raises:
        ValueError: naming the shape received and the one wanted, and how to come by it.

    Example:
        >>> import jax.numpy as jnp
        >>> check_images(jnp.ones((2, 28, 28, 1)), smallest=12)
    """
    if image.ndim != 4:
        raise ValueError(
            f'image has shape {image.shape}, wanted [batch, height, width, channel]: '
            'add the missing axis, for instance image[..., None] for grey images'
        )
    check_layout(image)
    if min(image.shape[1:3]) < smallest:
        raise ValueError(
            f'image has shape {image.shape}, wanted a height and width of at least '
            f'{smallest}: resize the images'
        )


def check_layout(image: Array | np.ndarray) -> None:
    """Refuse images whose channels come first.

    They would pass for a few rows of many channels, and are known by it: the second
    axis is 1, 3 or 4, the two behind it are larger, and the last one is more than 4.

    Args:
        image: [batch, height, width, channel]; what has another rank passes.

    Raises:
        ValueError: naming the shape received and the one wanted, and how to come by it.

    Example:
        >>> import jax.numpy as jnp
        >>> check_layout(jnp.ones((2, 28, 28, 1)))
    """
    if image.ndim != 4:
        return
    first, *others = image.shape[1:]
    if first in (1, 3, 4) and min(others) > first and others[1] > 4:
        raise ValueError(
            f'image has shape {image.shape}, which looks like [batch, channel, height, '
            'width], wanted [batch, height, width, channel]: move the channels by '
            'image.transpose(0, 2, 3, 1), or pad images of few rows and many channels '
            'to 5 rows'
        )


def check_channels(image: Array | np.ndarray, channels: int) -> None:
    """Refuse pictures of other channels than those that a network makes.

    Args:
        image: [batch, height, width, channel].
        channels: that are wanted.

    Raises:
        ValueError: naming the shape received and the channels wanted.

    Example:
        >>> import jax.numpy as jnp
        >>> check_channels(jnp.ones((2, 28, 28, 1)), 1)
    """
    check_images(image)
    if image.shape[-1] != channels:
        raise ValueError(
            f'image has shape {image.shape}, wanted {channels} channels: convert the '
            'pictures, or set channels'
        )


def smallest_side(size: int, least: int = 4) -> int:
    """Halve a side as often as it can be halved without falling below a limit.

    Args:
        size: height and width of the images.
        least: of the side that is left.

    Returns:
        The side of the first feature maps of a generator, for `doublings`.

    Raises:
        ValueError: where it cannot be halved once.

    Example:
        >>> smallest_side(8), smallest_side(28), smallest_side(64)
        (4, 7, 4)
    """
    side = size
    while side % 2 == 0 and side // 2 >= least:
        side //= 2
    if side == size:
        raise ValueError(
            f'size is {size}, wanted an even number of at least {2 * least}: resize '
            'the images'
        )
    return side


def doublings(size: int, first: int) -> int:
    """Count how often a side is doubled on the way from `first` to `size`.

    Args:
        size: height and width of the images.
        first: of the first layer's feature maps.

    Returns:
        n with size = first · 2ⁿ.

    Raises:
        ValueError: where there is no n of at least 1.

    Example:
        >>> doublings(64, first=4)
        4
    """
    n = (size // first).bit_length() - 1 if first > 0 and size > 0 else 0
    if n < 1 or size != first * 2**n:
        raise ValueError(
            f'size is {size} and first {first}, wanted a size that is first times a '
            'power of two, at least 2, such as 64 and 4, or 28 and 7'
        )
    return n


def check_multiple(image: Array, multiple: int, smallest: int = 1) -> None:
    """Refuse images whose sides cannot be halved and doubled again.

    Args:
        image: [batch, height, width, channel].
        multiple: that both sides have to be of.
        smallest: the least height and width.

    Raises:
        ValueError: naming the shape and the next sizes that fit.

    Example:
        >>> import jax.numpy as jnp
        >>> check_multiple(jnp.ones((2, 32, 64, 1)), 32)
    """
    check_images(image, smallest=max(multiple, smallest))
    if any(side % multiple for side in image.shape[1:3]):
        near = tuple(side - side % multiple for side in image.shape[1:3])
        raise ValueError(
            f'image has shape {image.shape}, wanted a height and width that are '
            f'multiples of {multiple}, such as {near}: crop or resize the images, or '
            'take fewer halvings'
        )
