"""A net behind the normalisation of its images."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.types import Array, PyTree


class Standardised(nn.Module):
    r"""Normalise the channels of the images, then call a net.

    $x \mapsto (x - \text{offset}) / \text{scale}$ stands between augmentation, which
    wants images in [0, 1], and the net, and it is the same in training, evaluation,
    pictures and export, since it belongs to the net. Parameters have the paths that
    they have in the net alone, so that weights fit both.

    Attributes:
        net: takes images first.
        offset: of each channel, such as the mean over the training split.
        scale: of each channel, above 0, such as the standard deviation.
        reverse: whether the net wants the channels the other way round, blue first, as
            nets from Caffe do; offset and scale are those of red, green, blue.

    Raises:
        ValueError: for a scale that is not above 0, or two lengths.

    Example:
        >>> import jax
        >>> net = Standardised(nn.Dense(2), offset=(0.5,), scale=(0.25,))
        >>> variables = net.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)))
        >>> sorted(variables['params'])
        ['bias', 'kernel']
    """

    net: nn.Module
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    reverse: bool = False

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if len(self.offset) != len(self.scale) or not min(self.scale, default=0) > 0:
            raise ValueError(
                f'offset is {self.offset} and scale {self.scale}, wanted a number of '
                'each for every channel, the scales above 0: fit them by data.z_score '
                'or data.min_max on the training images'
            )

    def setup(self) -> None:
        """Give the net its parameters under the paths that it has alone."""
        nn.share_scope(self, self.net)

    def __call__(self, image: Array, *others: Any, **settings: Any) -> PyTree:
        """Normalise and call the net.

        Args:
            image: [batch, height, width, channel] float, in [0, 1] if the normalisation
                was fitted on such; or uint8 or uint16, which are brought there.
            *others: further inputs of the net.
            **settings: such as `train`.

        Returns:
            What the net returns.

        Raises:
            ValueError: for another number of channels.
        """
        if image.shape[-1] != len(self.offset):
            raise ValueError(
                f'image has shape {image.shape}, wanted {len(self.offset)} channels, '
                'those of the normalisation'
            )
        if jnp.issubdtype(image.dtype, jnp.unsignedinteger):
            image = image.astype(jnp.float32) / jnp.iinfo(image.dtype).max
        around = (1,) * (image.ndim - 1) + (-1,)
        offset, scale = (
            np.asarray(numbers, np.float64).reshape(around)
            for numbers in (self.offset, self.scale)
        )
        # What float32 leaves of a large offset is subtracted by itself: as a difference
        # of three XLA would add up the two constants.
        coarse, scale = offset.astype(np.float32), scale.astype(np.float32)
        fine = ((offset - coarse) / scale).astype(np.float32)
        normalised = (image.astype(jnp.float32) - coarse) / scale - fine
        if self.reverse:
            normalised = normalised[..., ::-1]
        return self.net(normalised.astype(image.dtype), *others, **settings)
