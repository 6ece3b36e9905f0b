"""Residual adversaries: a generator, and a critic for a gradient penalty."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    Normalise,
    batch_norm,
    check_images,
    doublings,
    upsample_nearest,
)
from dljax.layers.conv import Conv
from dljax.models.adversaries import Adversaries
from dljax.models.settings import check_sizes, check_square
from dljax.types import Array


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions behind ReLUs, around which a shortcut leads.

    The nearest neighbour doubles the side before the first convolution and the mean
    halves it after the second, of the shortcut likewise; where the size or the
    channels change the shortcut holds a 1x1 convolution.

    Attributes:
        features: channels of the result.
        sample: 1 doubles the side, -1 halves it, 0 keeps it.
        rectified: whether the block begins with a ReLU, as all do but the first
            of a critic, which sees pixels.
        normalise: before each ReLU; None for none.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the convolutions behind ReLUs.

    Raises:
        ValueError: for `sample` other than -1, 0 and 1.
    """

    features: int
    sample: int = 0
    rectified: bool = True
    normalise: Normalise | None = None
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.sample not in (-1, 0, 1):
            raise ValueError(f'sample is {self.sample}, wanted -1, 0 or 1')

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the feature maps.

        Args:
            inputs: [batch, height, width, channel].
            train: passed on to the normalisation, where there is one.

        Returns:
            [batch, height', width', features], with sides by `sample`.
        """
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}

        def rectify(x: Array, name: str) -> Array:
            if self.normalise is not None:
                x = self.normalise(
                    x, train=train, axis_name=self.axis_name, name=name, **types
                )
            return nn.relu(x)

        def convolve(x: Array, name: str) -> Array:
            return Conv(
                self.features,
                (3, 3),
                padding=1,
                kernel_init=self.kernel_init,
                name=name,
                **types,
            )(x)

        x = rectify(inputs, 'norm_0') if self.rectified else inputs
        x = upsample_nearest(x) if self.sample == 1 else x
        x = rectify(convolve(x, 'conv_0'), 'norm_1')
        x = convolve(x, 'conv_1')
        x = _halved(x) if self.sample == -1 else x
        around = upsample_nearest(inputs) if self.sample == 1 else inputs
        around = _halved(around) if self.sample == -1 else around
        if self.sample or inputs.shape[-1] != self.features:
            around = Conv(self.features, (1, 1), name='shortcut', **types)(around)
        return x + around


class ResidualGenerator(nn.Module):
    """A dense layer, residual blocks that double the side, a 3x3 convolution and tanh.

    Attributes:
        shape: (height, width, channels) of an image, a square.
        width: channels of all feature maps.
        first: side of the first maps; the size is first · 2ⁿ.
        normalise: before each ReLU; None for none.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.

    Raises:
        ValueError: for sizes that do not fit.
    """

    shape: tuple[int, int, int] = (32, 32, 3)
    width: int = 128
    first: int = 4
    normalise: Normalise | None = batch_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_square(self.shape)
        doublings(self.shape[0], self.first)
        check_sizes(width=self.width)

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
        shared: dict[str, Any] = {'axis_name': self.axis_name, **types}
        x = nn.Dense(self.first**2 * self.width, name='first', **types)(noise)
        x = x.reshape(-1, self.first, self.first, self.width)
        for index in range(doublings(self.shape[0], self.first)):
            x = ResidualBlock(
                self.width, 1, normalise=self.normalise, name=f'block_{index}', **shared
            )(x, train=train)
        if self.normalise is not None:
            x = self.normalise(x, train=train, name='norm', **shared)
        x = Conv(self.shape[-1], (3, 3), padding=1, name='output', **types)(nn.relu(x))
        return jnp.tanh(x)


class ResidualCritic(nn.Module):
    """Residual blocks, the mean over all places, and a score.

    No normalisation ties the samples of a batch together, since a penalty holds the
    gradient at each of them; `layer_norm` would be allowed.

    Attributes:
        width: channels of all feature maps.
        halvings: how many blocks halve the side.
        blocks: how many blocks there are after those.
        normalise: before each ReLU but that of the first block; None for none.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.

    Raises:
        ValueError: for no block that halves, or a number below 0.
    """

    width: int = 128
    halvings: int = 2
    blocks: int = 2
    normalise: Normalise | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if min(self.width, self.halvings) < 1 or self.blocks < 0:
            raise ValueError(
                f'width is {self.width}, halvings {self.halvings} and blocks '
                f'{self.blocks}, wanted at least 1, 1 and 0'
            )

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Score images.

        Args:
            image: [batch, height, width, channel] float in [-1, 1].
            train: passed on to the normalisation, where there is one.

        Returns:
            [batch, 1] scores.
        """
        check_images(image, smallest=2**self.halvings)
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        x = image
        for index in range(self.halvings + self.blocks):
            x = ResidualBlock(
                self.width,
                -1 if index < self.halvings else 0,
                rectified=index > 0,
                normalise=self.normalise if index else None,
                name=f'block_{index}',
                **types,
            )(x, train=train)
        return nn.Dense(1, name='output', **types)(nn.relu(x).mean((1, 2)))


def wgan_gp(
    size: int = 32,
    channels: int = 3,
    latent: int = 128,
    width: int = 128,
    first: int = 4,
    halvings: int = 2,
    blocks: int = 2,
) -> Adversaries:
    """Make the residual generator and critic, for square images in [-1, 1].

    Args:
        size: height and width of the images, first · 2ⁿ with n of at least 1.
        channels: of the images.
        latent: dimension of the noise, normal.
        width: channels of all feature maps of both.
        first: side of the generator's first maps.
        halvings: blocks of the critic that halve the side.
        blocks: blocks of the critic after those.

    Returns:
        The net, that of the paper for CIFAR-10; train it by `wasserstein_game` with
        `penalise_between`, the critic five times as often as the generator.

    Raises:
        ValueError: for sizes that do not fit.

    Reference:
        Gulrajani et al. (2017), Improved Training of Wasserstein GANs, appendix F,
        https://arxiv.org/abs/1704.00028

    Example:
        >>> wgan_gp(size=8, channels=1, width=32).generator.shape
        (8, 8, 1)
    """
    return Adversaries(
        ResidualGenerator((size, size, channels), width, first),
        ResidualCritic(width, halvings, blocks),
        latent=latent,
    )


def _halved(maps: Array) -> Array:
    return nn.avg_pool(maps, (2, 2), strides=(2, 2))
