"""An hourglass that makes a picture of noise: the deep image prior (U5.4)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import Conv, batch_norm, check_images, leaky_relu_fifth
from dljax.models.settings import check_sizes
from dljax.types import Array


class Hourglass(nn.Module):
    """Down by strided convolutions, up by interpolation, with thin skips beside.

    At each of n scales a 3x3 convolution of stride 2 and one of stride 1 lead down; on
    the way up the maps are doubled by bilinear interpolation, joined with what a 1x1
    convolution of few channels has kept of that scale, normalised, and go through a 3x3
    and a 1x1 convolution. Each convolution has batch normalisation and a leaky ReLU
    behind it, and mirrored edges; a 1x1 convolution and a sigmoid end it.

    Attributes:
        features: channels of each scale, from the largest maps on.
        skips: channels that are handed across at each scale, at least 1.
        inputs: channels of the noise.
        channels: of the picture.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a size below 1, or no scale.

    Reference:
        Ulyanov et al. (2018), Deep Image Prior, https://arxiv.org/abs/1711.10925; the
        net of its denoising, in its supplementary material.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, noise = Hourglass(features=(4, 4), inputs=3), jnp.ones((1, 8, 12, 3))
        >>> net.init_with_output(jax.random.key(0), noise)[0].shape
        (1, 8, 12, 3)
    """

    features: tuple[int, ...] = (128, 128, 128, 128, 128)
    skips: int = 4
    inputs: int = 32
    channels: int = 3
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(skips=self.skips, inputs=self.inputs, channels=self.channels)
        if not self.features or min(self.features) < 1:
            raise ValueError(
                f'features is {self.features}, wanted the channels of one or more '
                'scales, such as (128, 128, 128)'
            )

    @nn.compact
    def __call__(self, noise: Array, *, train: bool = False) -> Array:
        """Make a picture.

        Args:
            noise: [batch, height, width, inputs] float, with sides that are multiples
                of 2 to the number of scales, and at least twice that.
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, height, width, channels] in (0, 1).

        Raises:
            ValueError: for another size or number of channels.
        """
        least = 2 ** len(self.features)
        if noise.ndim == 4 and noise.shape[-1] != self.inputs:
            raise ValueError(
                f'noise has shape {noise.shape}, wanted {self.inputs} channels in the '
                'last axis: image.transpose(0, 2, 3, 1) moves them there from the '
                'second, or set inputs'
            )
        check_images(noise, 2 * least)
        if any(n % least for n in noise.shape[1:3]):
            raise ValueError(
                f'noise has shape {noise.shape}, wanted sides that are multiples of '
                f'{least}: cut the picture, or take fewer scales'
            )
        x, kept = noise, []
        for index, width in enumerate(self.features):
            kept.append(self._layer(f'skip_{index}', x, self.skips, 1, train=train))
            x = self._layer(f'down_{index}_conv1', x, width, 3, 2, train=train)
            x = self._layer(f'down_{index}_conv2', x, width, 3, train=train)
        for index, width in reversed(list(enumerate(self.features))):
            shape = *kept[index].shape[:3], x.shape[-1]
            x = jax.image.resize(x, shape, 'bilinear')
            x = self._norm(
                f'up_{index}_norm', jnp.concatenate([kept[index], x], -1), train
            )
            x = self._layer(f'up_{index}_conv1', x, width, 3, train=train)
            x = self._layer(f'up_{index}_conv2', x, width, 1, train=train)
        out = Conv(self.channels, (1, 1), name='output', **self._types())(x)
        return jax.nn.sigmoid(out)

    def _layer(
        self,
        name: str,
        maps: Array,
        width: int,
        size: int,
        stride: int = 1,
        *,
        train: bool,
    ) -> Array:
        edge = size // 2
        if edge:
            sides = ((0, 0), (edge, edge), (edge, edge), (0, 0))
            maps = jnp.pad(maps, sides, mode='reflect')
        x = Conv(
            width,
            (size, size),
            stride,
            padding='VALID',
            use_bias=False,
            name=name,
            **self._types(),
        )(maps)
        return leaky_relu_fifth(self._norm(f'{name}_norm', x, train))

    def _norm(self, name: str, maps: Array, train: bool) -> Array:
        return batch_norm(
            maps,
            train=train,
            axis_name=self.axis_name,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            name=name,
        )

    def _types(self) -> dict[str, Any]:
        return {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
