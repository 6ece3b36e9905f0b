"""Convolutional autoencoder (U5.1)."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.activations import Activation, activate
from dljax.layers.conv import Conv
from dljax.layers.images import check_images
from dljax.layers.transposed_conv import TransposedConv
from dljax.models.autoencoder.autoencoder import Autoencoder, check_shape
from dljax.types import Array


class ConvolutionalEncoder(nn.Module):
    """Strided 3x3 convolutions, each halving height and width, then a linear layer.

    Attributes:
        features: of each convolution; at least one.
        outputs: the width of the code (or of its statistics), at least 1.
        activation: of the convolutions.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a width below 1 or no convolution.

    Reference:
        Masci et al. (2011), Stacked Convolutional Auto-Encoders for Hierarchical
        Feature Extraction, https://doi.org/10.1007/978-3-642-21735-7_7; strides stand
        for its pooling.
    """

    features: tuple[int, ...] = (32, 64)
    outputs: int = 32
    activation: Activation = jax.nn.relu
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        _check_features(self.features)
        if self.outputs < 1:
            raise ValueError(f'outputs is {self.outputs}, wanted at least 1')

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the code.

        Args:
            image: [batch, height, width, channel] float, of any size.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, outputs].

        Raises:
            ValueError: if `image` is no batch of images.
        """
        check_images(image)
        types = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = image
        for index, width in enumerate(self.features):
            conv = Conv(width, (3, 3), 2, padding=1, name=f'conv_{index}', **types)
            x = activate(self.activation, conv(x))
        x = x.reshape(x.shape[0], -1)
        return nn.Dense(self.outputs, name='output', **types)(x)


class ConvolutionalDecoder(nn.Module):
    """A linear layer, then transposed 4x4 convolutions that double height and width.

    A kernel of twice the stride covers every pixel equally often, so that it leaves no
    checkerboard. What is too much, for a size that is no multiple, is cut off.

    Attributes:
        features: of the images between the layers, from the smallest on.
        shape: (height, width, channel) of the output, of any size.
        activation: of every layer but the last.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a width or size below 1 or no convolution.

    Reference:
        Masci et al. (2011), Stacked Convolutional Auto-Encoders for Hierarchical
        Feature Extraction, https://doi.org/10.1007/978-3-642-21735-7_7
        Odena et al. (2016), Deconvolution and Checkerboard Artifacts,
        https://doi.org/10.23915/distill.00003; on checkerboards.
    """

    features: tuple[int, ...] = (64, 32)
    shape: tuple[int, int, int] = (28, 28, 1)
    activation: Activation = jax.nn.relu
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        _check_features(self.features)
        check_shape(self.shape)
        if len(self.shape) != 3:
            raise ValueError(
                f'shape is {self.shape}, wanted (height, width, channel): a '
                'convolutional decoder makes images'
            )

    @nn.compact
    def __call__(self, code: Array, *, train: bool = False) -> Array:
        """Compute the image of a code.

        Args:
            code: [batch, code].
            train: of no effect, since nothing here is random.

        Returns:
            [batch, *shape].
        """
        types = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        height, width, channels = self.shape
        shrunk = 2 ** len(self.features)
        size = math.ceil(height / shrunk), math.ceil(width / shrunk), self.features[0]
        x = nn.Dense(math.prod(size), name='hidden', **types)(code)
        x = x.reshape(-1, *size)
        for index, channel in enumerate((*self.features[1:], channels)):
            x = activate(self.activation, x)
            name = f'conv_{index}'
            x = TransposedConv(channel, name=name, **types)(x)
        return x[:, :height, :width]


def convolutional_autoencoder(
    code: int = 32,
    features: tuple[int, ...] = (32, 64),
    shape: tuple[int, int, int] = (28, 28, 1),
    activation: Activation = jax.nn.relu,
) -> Autoencoder:
    """Convolutional autoencoder: strided convolutions down, transposed ones back up.

    Args:
        code: the width of the code, at least 1.
        features: of the encoder's convolutions; the decoder mirrors them.
        shape: (height, width, channel) of an image, of any size.
        activation: of every layer but the code and the output.

    Returns:
        The module, with a linear code and log odds as outputs.

    Raises:
        ValueError: for a width or size below 1 or no convolution.

    Reference:
        Masci et al. (2011), Stacked Convolutional Auto-Encoders for Hierarchical
        Feature Extraction, https://doi.org/10.1007/978-3-642-21735-7_7; strides stand
        for its pooling.
        Radford et al. (2016), Unsupervised Representation Learning with Deep
        Convolutional Generative Adversarial Networks, https://arxiv.org/abs/1511.06434;
        the strides.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = convolutional_autoencoder(code=4, shape=(9, 8, 1))
        >>> variables = net.init(jax.random.key(0), jnp.ones((2, 9, 8, 1)))
        >>> print(net.apply(variables, jnp.ones((2, 4)), method=net.decode).shape)
        (2, 9, 8, 1)
    """
    return Autoencoder(
        ConvolutionalEncoder(features, code, activation),
        ConvolutionalDecoder(features[::-1], shape, activation),
        shape,
    )


def _check_features(features: tuple[int, ...]) -> None:
    if not isinstance(features, tuple) or not features or min(features) < 1:
        raise ValueError(
            f'features is {features!r}, wanted a tuple of the widths of one or more '
            'convolutions, such as (32, 64)'
        )
