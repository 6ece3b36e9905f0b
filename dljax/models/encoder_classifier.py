"""A classifier on top of an encoder, such as that of an autoencoder (U5.4)."""

import jax
from flax import linen as nn

from dljax.types import Array


class EncoderClassifier(nn.Module):
    """The code of an encoder, a ReLU, and the logits of the classes.

    The parameters are in the groups `encoder`, which fit the encoder by itself, and
    `output`.

    Attributes:
        encoder: `(image, train=) -> [batch, code]`.
        classes: the number of logits.

    Example:
        >>> import jax.numpy as jnp
        >>> net = EncoderClassifier(nn.Dense(3), classes=2)
        >>> net.classes
        2
    """

    encoder: nn.Module
    classes: int

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            image: [batch, ...], what the encoder takes.
            train: handed on.

        Returns:
            [batch, classes].
        """
        code = jax.nn.relu(self.encoder(image, train=train))
        return nn.Dense(self.classes, name='output')(code)
