"""DnCNN: convolutions that find the noise in a picture, which is then taken off."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import Conv, Normalise, NormalisedConv, batch_norm, check_channels
from dljax.models.settings import check_sizes
from dljax.types import Array


class DnCNN(nn.Module):
    """DnCNN: a picture without its noise, x̂ = y - R(y).

    R is a 3x3 convolution with a ReLU, `depth` - 2 of them with batch normalisation
    before the ReLU, and a last one; all maps have the size of the picture. With 17
    layers a pixel of the result depends on 35x35 pixels.

    Attributes:
        depth: convolutions, at least 2; 17 in the paper, 20 for noise of any strength.
        features: channels of all layers but the last.
        channels: of the pictures.
        normalise: of the inner layers; None for none.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a size below 1, or a depth below 2.

    Reference:
        Zhang et al. (2017), Beyond a Gaussian Denoiser: Residual Learning of Deep CNN
        for Image Denoising, https://arxiv.org/abs/1608.03981. The paper's convolutions
        before a normalisation have no bias here, as it would be taken off again.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = DnCNN(depth=3, features=4), jnp.ones((2, 5, 6, 1))
        >>> net.init_with_output(jax.random.key(0), image)[0].shape
        (2, 5, 6, 1)
    """

    depth: int = 17
    features: int = 64
    channels: int = 1
    normalise: Normalise | None = batch_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(features=self.features, channels=self.channels)
        if self.depth < 2:
            raise ValueError(f'depth is {self.depth}, wanted at least 2 convolutions')

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Take the noise off pictures.

        Args:
            image: [batch, height, width, channels] float, of any size; in [0, 1] but
                for the noise.
            train: whether batch statistics are those of the batch, and move.

        Returns:
            The same shape; in [0, 1] but for what is left of the noise.

        Raises:
            ValueError: if `image` is no batch of images of so many channels.
        """
        check_channels(image, self.channels)
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = image
        for index in range(self.depth - 1):
            normalise = self.normalise if index else None
            x = NormalisedConv(
                self.features,
                kernel_size=3,
                stride=1,
                normalise=normalise,
                use_bias=normalise is None,
                axis_name=self.axis_name,
                name=f'conv_{index}',
                **types,
            )(x, train=train)
        types['kernel_init'] = nn.initializers.lecun_normal()  # no ReLU behind it
        return image - Conv(self.channels, (3, 3), name='noise', **types)(x)
