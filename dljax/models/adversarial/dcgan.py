"""The deep convolutional adversaries: no dense stack, no pooling, batch norm."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    Normalise,
    NormalisedConv,
    batch_norm,
    check_images,
    doublings,
    leaky_relu_fifth,
)
from dljax.models.adversaries import Adversaries
from dljax.models.settings import check_sizes, check_square
from dljax.types import Array


class ConvolutionalGenerator(nn.Module):
    """Transposed 4x4 convolutions that double the side, from noise to an image.

    The noise is a feature map of 1x1 that the first layer makes `first` x `first`, with
    w·2ⁿ⁻¹ channels; each layer after it halves the channels and doubles the side. Each
    but the last is normalised and rectified; the last ends in tanh.

    Attributes:
        shape: (height, width, channels) of an image, a square.
        width: w, channels before the last layer.
        first: side of the first layer's maps; the size is first · 2ⁿ.
        normalise: after each layer but the last; None for no normalisation.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for sizes that do not fit, or widths below 1.
    """

    shape: tuple[int, int, int] = (64, 64, 3)
    width: int = 64
    first: int = 4
    normalise: Normalise | None = batch_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_square(self.shape)
        check_sizes(width=self.width)
        doublings(self.shape[0], self.first)

    @nn.compact
    def __call__(self, noise: Array, *, train: bool = False) -> Array:
        """Turn noise into images.

        Args:
            noise: [batch, latent].
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, *shape] in [-1, 1].
        """
        common: dict[str, Any] = {
            'transposed': True,
            'axis_name': self.axis_name,
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        n = doublings(self.shape[0], self.first)
        x = noise[:, None, None, :]
        for index in range(n):
            start = {'kernel_size': self.first, 'stride': 1, 'padded': False}
            x = NormalisedConv(
                self.width * 2 ** (n - 1 - index),
                normalise=self.normalise,
                use_bias=self.normalise is None,
                name=f'layer_{index}',
                **({} if index else start),
                **common,
            )(x, train=train)
        return NormalisedConv(
            self.shape[-1],
            normalise=None,
            activation=jnp.tanh,
            name='output',
            **common,
        )(x, train=train)


class ConvolutionalDiscriminator(nn.Module):
    """4x4 convolutions that halve the side, and one that sees all that is left.

    Leaky ReLUs of negative slope 0.2; each layer but the first and the last is
    normalised.

    Attributes:
        width: channels of the first layer; each layer after it has twice as many.
        last: side of the feature maps of which the last layer makes a logit.
        normalise: the layers between the first and the last; None for none of them.
        spectral: whether to divide the weights of every layer by their spectral norm,
            as it is used in the place of `normalise`.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for widths below 1.
    """

    width: int = 64
    last: int = 4
    normalise: Normalise | None = batch_norm
    spectral: bool = False
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(last=self.last, width=self.width)

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Judge images.

        Args:
            image: [batch, height, width, channel] float in [-1, 1], a square whose side
                is `last` times a power of two.
            train: whether batch statistics and spectral norms move.

        Returns:
            [batch, 1] logits.
        """
        check_images(image, smallest=2 * self.last)
        common: dict[str, Any] = {
            'spectral': self.spectral,
            'axis_name': self.axis_name,
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = image
        for index in range(doublings(image.shape[1], self.last)):
            x = NormalisedConv(
                self.width * 2**index,
                activation=leaky_relu_fifth,
                normalise=self.normalise if index else None,
                use_bias=self.normalise is None,
                name=f'layer_{index}',
                **common,
            )(x, train=train)
        x = NormalisedConv(
            1,
            kernel_size=self.last,
            stride=1,
            padded=False,
            activation=jax.nn.identity,
            normalise=None,
            name='output',
            **common,
        )(x, train=train)
        return x.reshape(-1, 1)


def dcgan(
    size: int = 64,
    channels: int = 3,
    latent: int = 100,
    width: int = 64,
    first: int = 4,
    normalise: Normalise | None = batch_norm,
    spectral: bool = False,
) -> Adversaries:
    """Make the deep convolutional adversaries, for square images in [-1, 1].

    3,576,704 parameters in the generator and 2,765,568 in the discriminator at the
    default settings.

    Args:
        size: height and width of the images, first · 2ⁿ with n of at least 1.
        channels: of the images.
        latent: dimension of the noise, normal (the paper's are uniform).
        width: channels next to the image in both; 128 in the paper's generator.
        first: side of the smallest feature maps.
        normalise: what normalises the discriminator: `batch_norm`, `layer_norm`, or
            None where that is `spectral` or nothing. The generator has batch norm.
        spectral: whether the discriminator's weights are divided by their spectral
            norm, as in SN-GAN.

    Returns:
        The net; its initialisers are the paper's, normal with standard deviation 0.02.

    Raises:
        ValueError: for sizes that do not fit, or widths below 1.

    Reference:
        Radford et al. (2016), Unsupervised Representation Learning with Deep
        Convolutional Generative Adversarial Networks, https://arxiv.org/abs/1511.06434

    Example:
        >>> dcgan(size=28, channels=1, first=7).generator.shape
        (28, 28, 1)
    """
    return Adversaries(
        ConvolutionalGenerator((size, size, channels), width, first),
        ConvolutionalDiscriminator(width, first, normalise, spectral),
        latent=latent,
    )


def dcgan_small(
    size: int = 8,
    channels: int = 1,
    latent: int = 32,
    width: int = 32,
    first: int = 2,
    normalise: Normalise | None = batch_norm,
    spectral: bool = False,
) -> Adversaries:
    """Make the deep convolutional adversaries for images of a few pixels.

    Two doublings, from 2x2 to 8x8 with 64, 32 and 1 channels.

    Args:
        size: height and width of the images, first · 2ⁿ with n of at least 1.
        channels: of the images.
        latent: dimension of the noise, normal.
        width: channels next to the image in both.
        first: side of the smallest feature maps.
        normalise: as in `dcgan`.
        spectral: as in `dcgan`.

    Returns:
        The net.

    Raises:
        ValueError: for sizes that do not fit, or widths below 1.

    Reference:
        Radford et al. (2016), Unsupervised Representation Learning with Deep
        Convolutional Generative Adversarial Networks, https://arxiv.org/abs/1511.06434

    Example:
        >>> dcgan_small().generator.shape
        (8, 8, 1)
    """
    return dcgan(size, channels, latent, width, first, normalise, spectral)
