"""A history of made images, which a discriminator is shown besides the newest."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.types import Array, fold


class ImagePool(nn.Module):
    """Mix made images with earlier ones, so that the critic does not forget those.

    Images come one after the other. While the pool is not full each is kept and given
    back; then each is, with a probability of ½, exchanged for one that is kept, which
    is given back in its place and is as likely as any other, or else given back itself.
    The pool is a collection, 'image_pool', with 'images' [size, ...] and 'count', an
    int32 scalar; the draws are those of the stream 'pool'.

    Attributes:
        size: images that are kept; 0 keeps none and gives back what comes.

    Raises:
        ValueError: for a size below 0.

    Reference:
        Shrivastava et al. (2017), Learning from Simulated and Unsupervised Images
        through Adversarial Training, section 2.3, https://arxiv.org/abs/1612.07828
        Zhu et al. (2017), Unpaired Image-to-Image Translation using Cycle-Consistent
        Adversarial Networks, section 4, https://arxiv.org/abs/1703.10593; 50 images.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> pool, images = ImagePool(4), jnp.ones((3, 8, 8, 1))
        >>> kept = pool.init(jax.random.key(0), images)
        >>> shown, kept = pool.apply(
        ...     kept, images, rngs={'pool': jax.random.key(1)}, mutable='image_pool')
        >>> shown.shape, int(kept['image_pool']['count'])
        ((3, 8, 8, 1), 3)
    """

    size: int = 50

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.size < 0:
            raise ValueError(f'size is {self.size}, wanted 0 or more; 50 is usual')

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Exchange some images for earlier ones; the pool moves.

        Args:
            images: [batch, ...] newly made.

        Returns:
            [batch, ...]: each of them, or an earlier one.
        """
        if not self.size:
            return images
        shape = (self.size, *images.shape[1:])
        kept = self.variable('image_pool', 'images', jnp.zeros, shape, images.dtype)
        count = self.variable('image_pool', 'count', jnp.zeros, (), jnp.int32)
        if self.is_initializing():
            return images
        key, numbers = self.make_rng('pool'), (len(images),)
        swapped = jax.random.bernoulli(fold(key, 'swap'), 0.5, numbers)
        places = jax.random.randint(fold(key, 'place'), numbers, 0, self.size)

        def show(
            pool: tuple[Array, Array], drawn: tuple[Array, Array, Array]
        ) -> tuple[tuple[Array, Array], Array]:
            (held, full), (image, swap, place) = pool, drawn
            filling = full < self.size
            place = jnp.where(filling, full, place)
            old = held[place]
            keep = filling | swap
            held = held.at[place].set(jnp.where(keep, image, old))
            shown = jnp.where(swap & ~filling, old, image)
            return (held, jnp.minimum(full + 1, self.size)), shown

        begun = kept.value.astype(images.dtype), count.value
        (held, full), shown = jax.lax.scan(show, begun, (images, swapped, places))
        kept.value, count.value = held.astype(kept.value.dtype), full
        return shown
