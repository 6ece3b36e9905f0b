"""A residual net that turns an image into another one of its size."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import Normalise, NormalisedConv, check_multiple, instance_norm
from dljax.models.settings import check_sizes
from dljax.types import Array


class ResNetGenerator(nn.Module):
    """Convolutions that halve the side, residual blocks, and as many that double it.

    A 7x7 convolution of `width` channels; 3x3 ones of stride 2, each of twice the
    channels; blocks of two 3x3 convolutions beside the identity, without a ReLU after
    the sum; transposed 3x3 ones back; a 7x7 one and tanh. Where the side stays, edges
    are mirrored, else padded with zeros. Each layer but the last is normalised.

    Attributes:
        channels: of the images made.
        width: channels of the first layer.
        blocks: residual ones: 9 for 256 pixels, 6 for 128.
        halvings: of the side; both sides are multiples of 2 to the power of it.
        normalise: such as `instance_norm`; None for none.
        use_bias: whether layers have biases though they are normalised, which
            `instance_norm` takes away again.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a width or channels below 1, or blocks or halvings below 0.

    Reference:
        Johnson et al. (2016), Perceptual Losses for Real-Time Style Transfer and
        Super-Resolution, https://arxiv.org/abs/1603.08155
        Zhu et al. (2017), Unpaired Image-to-Image Translation using Cycle-Consistent
        Adversarial Networks, section 7.2, https://arxiv.org/abs/1703.10593

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = ResNetGenerator(width=4, blocks=1), jnp.ones((2, 16, 24, 1))
        >>> net.init_with_output(jax.random.key(0), image)[0].shape
        (2, 16, 24, 3)
    """

    channels: int = 3
    width: int = 64
    blocks: int = 9
    halvings: int = 2
    normalise: Normalise | None = instance_norm
    use_bias: bool = True
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(channels=self.channels, width=self.width)
        if min(self.blocks, self.halvings) < 0:
            raise ValueError(
                f'blocks is {self.blocks} and halvings {self.halvings}, wanted at '
                'least 0 of both'
            )

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Translate images.

        Args:
            image: [batch, height, width, channel] float in [-1, 1].
            train: whether batch statistics, if any, are those of the batch, and move.

        Returns:
            [batch, height, width, channels] in [-1, 1].

        Raises:
            ValueError: for sides that cannot be halved so often, or are below 4.
        """
        multiple = 2**self.halvings  # and whatever is mirrored has more rows than that
        check_multiple(image, multiple, smallest=max(2 * multiple, 4))
        common: dict[str, Any] = {
            'normalise': self.normalise,
            'use_bias': self.use_bias or self.normalise is None,
            'axis_name': self.axis_name,
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }

        def mirrored(x: Array, features: int, side: int, **settings: Any) -> Array:
            layer = NormalisedConv(
                features,
                kernel_size=side,
                stride=1,
                padded=False,
                **{**common, **settings},
            )
            return layer(mirror_edges(x, side // 2), train=train)

        x = mirrored(image, self.width, 7, name='first')
        for index in range(self.halvings):
            features = self.width * 2 ** (index + 1)
            layer = NormalisedConv(features, 3, name=f'down_{index}', **common)
            x = layer(x, train=train)
        for index in range(self.blocks):
            features = x.shape[-1]
            inner = mirrored(x, features, 3, name=f'block_{index}_conv1')
            plain = {'activation': jax.nn.identity, 'name': f'block_{index}_conv2'}
            x = x + mirrored(inner, features, 3, **plain)
        for index in reversed(range(self.halvings)):
            layer = NormalisedConv(
                self.width * 2**index,
                kernel_size=3,
                transposed=True,
                name=f'up_{index}',
                **common,
            )
            x = layer(x, train=train)
        ends = {'normalise': None, 'use_bias': True, 'activation': jnp.tanh}
        return mirrored(x, self.channels, 7, name='output', **ends)


def mirror_edges(maps: Array, border: int) -> Array:
    """Put a border around feature maps that mirrors them, without their last row.

    Args:
        maps: [batch, height, width, channel].
        border: its width, less than either side.

    Returns:
        [batch, height + 2 border, width + 2 border, channel].

    Example:
        >>> import jax.numpy as jnp
        >>> print(mirror_edges(jnp.arange(4.).reshape(1, 2, 2, 1), 1)[0, :, :, 0])
        [[3. 2. 3. 2.]
         [1. 0. 1. 0.]
         [3. 2. 3. 2.]
         [1. 0. 1. 0.]]
    """
    around = (border, border)
    return jnp.pad(maps, ((0, 0), around, around, (0, 0)), mode='reflect')
