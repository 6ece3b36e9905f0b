"""The check that every network on images makes before its first convolution."""

from dljax.types import Array


def check_images(image: Array, smallest: int = 1) -> None:
    """Refuse what is no batch of images, or images that pooling would use up.

    Args:
        image: [batch, height, width, channel].
        smallest: the least height and width that the network can take.

    Raises:
        ValueError: naming the shape received and the one wanted.

    Example:
        >>> import jax.numpy as jnp
        >>> check_images(jnp.ones((2, 28, 28, 1)), smallest=12)
    """
    if image.ndim != 4:
        raise ValueError(
            f'image has shape {image.shape}, wanted [batch, height, width, channel]: '
            'add the missing axis, for instance image[..., None] for grey images'
        )
    if min(image.shape[1:3]) < smallest:
        raise ValueError(
            f'image has shape {image.shape}, wanted a height and width of at least '
            f'{smallest}: resize the images'
        )
