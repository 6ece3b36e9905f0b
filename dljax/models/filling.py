"""A net that fills the holes of pictures and leaves the rest as it is."""

import jax.numpy as jnp
from flax import linen as nn

from dljax.types import Array


class Filling(nn.Module):
    """Fill the holes of a picture with what a net makes of it.

    Attributes:
        net: `([batch, height, width, channel + 1], train=) -> [batch, height, width,
            channel]`.

    """

    net: nn.Module

    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Fill holes.

        Args:
            image: [batch, height, width, channel + 1]; the last channel is 1 where the
                picture is whole and 0 in its holes, where all channels are 0.
            train: handed on.

        Returns:
            [batch, height, width, channel].
        """
        whole = image[..., -1:]
        made = self.net(image, train=train)
        return jnp.where(whole > 0.5, image[..., :-1], made)
