"""Convolutions down to a map of vectors and back up, for vector quantising (U5.1)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import TransposedConv
from dljax.layers.conv import Conv
from dljax.types import Array


class ResidualStack(nn.Module):
    """Residual blocks of ReLU, 3x3 convolution, ReLU, 1x1 convolution; then a ReLU.

    Attributes:
        width: channels of all maps.
        blocks: how many; 0 leaves the ReLU.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
    """

    width: int = 256
    blocks: int = 2
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, maps: Array) -> Array:
        """Compute the feature maps.

        Args:
            maps: [batch, height, width, channel], as many channels as `width`.

        Returns:
            The same shape.
        """
        types = _types(self)
        for index in range(self.blocks):
            x, name = jax.nn.relu(maps), f'block_{index}'
            x = Conv(self.width, (3, 3), padding=1, name=f'{name}_conv1', **types)(x)
            x = Conv(self.width, (1, 1), name=f'{name}_conv2', **types)(jax.nn.relu(x))
            maps = maps + x
        return jax.nn.relu(maps)


class QuantisedEncoder(nn.Module):
    """4x4 convolutions of stride 2, residual blocks, and a 1x1 convolution to vectors.

    Attributes:
        features: of each vector.
        width: channels of all other maps.
        blocks: residual blocks.
        halvings: convolutions of stride 2.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
    """

    features: int = 64
    width: int = 256
    blocks: int = 2
    halvings: int = 2
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the vectors.

        Args:
            image: [batch, height, width, channel] float.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, rows, columns, features].
        """
        types, x = _types(self), image
        for index in range(self.halvings):
            x = jax.nn.relu(x) if index else x
            name = f'conv_{index}'
            x = Conv(self.width, (4, 4), 2, padding=1, name=name, **types)(x)
        x = ResidualStack(self.width, self.blocks, name='residual', **types)(x)
        return Conv(self.features, (1, 1), name='output', **types)(x)


class QuantisedDecoder(nn.Module):
    """A 3x3 convolution, residual blocks, and transposed 4x4 convolutions of stride 2.

    Attributes:
        channels: of an image.
        width: channels of all other maps.
        blocks: residual blocks.
        doublings: transposed convolutions.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
    """

    channels: int = 3
    width: int = 256
    blocks: int = 2
    doublings: int = 2
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, values: Array, *, train: bool = False) -> Array:
        """Compute the image of a map of vectors.

        Args:
            values: [batch, rows, columns, features].
            train: of no effect, since nothing here is random.

        Returns:
            [batch, height, width, channels].
        """
        types = _types(self)
        x = Conv(self.width, (3, 3), padding=1, name='input', **types)(values)
        x = ResidualStack(self.width, self.blocks, name='residual', **types)(x)
        for index in range(self.doublings):
            last = index == self.doublings - 1
            width, name = self.channels if last else self.width, f'conv_{index}'
            x = TransposedConv(width, name=name, **types)(x)
            x = x if last else jax.nn.relu(x)
        return x


def _types(module: Any) -> dict[str, Any]:
    return {
        name: getattr(module, name) for name in ('dtype', 'param_dtype', 'kernel_init')
    }
