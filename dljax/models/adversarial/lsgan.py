"""The adversaries of the least squares paper: two convolutions for each doubling."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    NormalisedConv,
    batch_norm,
    check_images,
    doublings,
    leaky_relu_fifth,
)
from dljax.models.adversaries import Adversaries
from dljax.models.settings import check_sizes, check_square
from dljax.types import Array


class LeastSquaresGenerator(nn.Module):
    """A dense layer, and transposed 3x3 convolutions up to an image.

    Every doubling but the last two keeps the channels and is followed by a convolution
    of stride 1; each of the last two halves the channels. Batch norm throughout, but
    not at the end, where tanh is.

    Attributes:
        shape: (height, width, channels) of an image, a square.
        width: channels of the first feature maps, a multiple of 4.
        first: side of the first maps; the size is first · 2ⁿ, n at least 2.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for sizes that do not fit.
    """

    shape: tuple[int, int, int] = (112, 112, 3)
    width: int = 256
    first: int = 7
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_square(self.shape)
        if doublings(self.shape[0], self.first) < 2 or self.width % 4:
            raise ValueError(
                f'the size is {self.shape[0]} and first {self.first}, wanted at least '
                f'two doublings; width is {self.width}, wanted a multiple of 4'
            )
        check_sizes(shape=self.shape, width=self.width)

    @nn.compact
    def __call__(self, noise: Array, *, train: bool = False) -> Array:
        """Turn noise into images.

        Args:
            noise: [batch, latent].
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, *shape] in [-1, 1].
        """
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        common: dict[str, Any] = {
            'kernel_size': 3,
            'transposed': True,
            'axis_name': self.axis_name,
            'kernel_init': self.kernel_init,
            **types,
        }
        x = nn.Dense(
            self.first**2 * self.width,
            use_bias=False,
            kernel_init=self.kernel_init,
            name='first',
            **types,
        )(noise)
        x = x.reshape(-1, self.first, self.first, self.width)
        x = batch_norm(
            x, train=train, axis_name=self.axis_name, name='first_norm', **types
        )
        x = nn.relu(x)
        pairs = doublings(self.shape[0], self.first) - 2
        layers = pairs * [(self.width, 2), (self.width, 1)]
        layers += [(self.width // 2, 2), (self.width // 4, 2)]
        for index, (width, stride) in enumerate(layers):
            layer = NormalisedConv(
                width, stride=stride, name=f'layer_{index}', **common
            )
            x = layer(x, train=train)
        return NormalisedConv(
            self.shape[-1],
            stride=1,
            activation=jnp.tanh,
            normalise=None,
            use_bias=True,
            name='output',
            **common,
        )(x)


class LeastSquaresDiscriminator(nn.Module):
    """5x5 convolutions that halve the side and double the channels, and a dense logit.

    Leaky ReLUs of negative slope 0.2; batch norm in each layer but the first.

    Attributes:
        width: channels of the first layer.
        halvings: how many layers.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a width below 1 or no layer.
    """

    width: int = 64
    halvings: int = 4
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if min(self.width, self.halvings) < 1:
            raise ValueError(
                f'width is {self.width} and halvings {self.halvings}, wanted at least '
                '1 of each'
            )

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Judge images.

        Args:
            image: [batch, height, width, channel] float in [-1, 1].
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, 1] logits.
        """
        check_images(image, smallest=2**self.halvings)
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = image
        for index in range(self.halvings):
            x = NormalisedConv(
                self.width * 2**index,
                kernel_size=5,
                activation=leaky_relu_fifth,
                normalise=batch_norm if index else None,
                use_bias=not index,
                axis_name=self.axis_name,
                name=f'layer_{index}',
                **types,
            )(x, train=train)
        return nn.Dense(1, name='output', **types)(x.reshape(x.shape[0], -1))


def lsgan(
    size: int = 112,
    channels: int = 3,
    latent: int = 1024,
    width: int = 256,
    first: int = 7,
    discriminator_width: int = 64,
) -> Adversaries:
    """Make the adversaries of the least squares paper, for square images in [-1, 1].

    Args:
        size: height and width of the images, first · 2ⁿ with n of at least 2.
        channels: of the images.
        latent: dimension of the noise, normal.
        width: channels of the generator's first feature maps, a multiple of 4.
        first: side of the smallest maps, of both.
        discriminator_width: channels of the discriminator's first layer.

    Returns:
        The net; train it by `least_squares_game`.

    Raises:
        ValueError: for sizes that do not fit.

    Reference:
        Mao et al. (2017), Least Squares Generative Adversarial Networks, figure 2,
        https://arxiv.org/abs/1611.04076

    Example:
        >>> lsgan(size=8, channels=1, first=2, width=64).generator.shape
        (8, 8, 1)
    """
    return Adversaries(
        LeastSquaresGenerator((size, size, channels), width, first),
        LeastSquaresDiscriminator(discriminator_width, doublings(size, first)),
        latent=latent,
    )
