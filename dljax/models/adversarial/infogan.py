"""Adversaries that agree on a code: what is made of it can be read off again."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    Activation,
    Normalise,
    NormalisedConv,
    batch_norm,
    check_images,
    leaky_relu_tenth,
)
from dljax.models.adversarial.coded_noise import CodedNoise
from dljax.models.adversaries import Adversaries
from dljax.models.settings import check_sizes, check_square
from dljax.types import Array

_SMALL = nn.initializers.normal(0.02)


class CodedGenerator(nn.Module):
    """Two dense layers, and two transposed 4x4 convolutions to an image.

    Attributes:
        shape: (height, width, channels) of an image, a square of a multiple of 4.
        hidden: units of the first layer.
        width: channels before the last layer; twice as many before that.
        squash: of the image: a sigmoid for images in [0, 1], `jnp.tanh` for [-1, 1].
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a setting out of range.
    """

    shape: tuple[int, int, int] = (28, 28, 1)
    hidden: int = 1024
    width: int = 64
    squash: Activation = jax.nn.sigmoid
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = _SMALL

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_square(self.shape, multiple=4)
        check_sizes(hidden=self.hidden, width=self.width)

    @nn.compact
    def __call__(self, noise: Array, *, train: bool = False) -> Array:
        """Turn noise and codes into images.

        Args:
            noise: [batch, latent], noise and codes side by side.
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, *shape], squashed.
        """
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        conv: dict[str, Any] = {
            'transposed': True,
            'axis_name': self.axis_name,
            **types,
        }
        side, x = self.shape[0] // 4, noise
        for index, width in enumerate((self.hidden, side**2 * 2 * self.width)):
            x = _dense(self, x, width, f'dense_{index}', train)
            x = nn.relu(x)
        x = x.reshape(-1, side, side, 2 * self.width)
        x = NormalisedConv(self.width, name='layer_0', **conv)(x, train=train)
        return NormalisedConv(
            self.shape[-1],
            activation=self.squash,
            normalise=None,
            use_bias=True,
            name='output',
            **conv,
        )(x)


class ReadingDiscriminator(nn.Module):
    """Two 4x4 convolutions and a dense layer, a logit, and what the codes were.

    Leaky ReLUs of negative slope 0.1; each layer but the first is normalised. The codes
    are read by one more dense layer.

    Attributes:
        categories: of the category.
        continuous: how many continuous codes.
        width: channels of the first layer; twice as many of the second.
        hidden: units of the dense layer.
        code_hidden: units of the layer of which the codes are read.
        normalise: each layer but the first; None for no normalisation.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a setting out of range.
    """

    categories: int = 10
    continuous: int = 2
    width: int = 64
    hidden: int = 1024
    code_hidden: int = 128
    normalise: Normalise | None = batch_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = _SMALL

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(
            categories=self.categories,
            width=self.width,
            hidden=self.hidden,
            code_hidden=self.code_hidden,
        )

    @nn.compact
    def __call__(
        self, image: Array, *, train: bool = False
    ) -> tuple[Array, Array, Array, Array]:
        """Judge images and read their codes.

        Args:
            image: [batch, height, width, channel] float in the generator's range.
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, 1] logits, large for real images; and of the codes that may have
            made them [batch, categories] logits, [batch, continuous] means and
            [batch, continuous] logarithms of the variance.
        """
        check_images(image, smallest=4)
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = image
        for index, width in enumerate((self.width, 2 * self.width)):
            x = NormalisedConv(
                width,
                activation=leaky_relu_tenth,
                normalise=self.normalise if index else None,
                use_bias=not index or self.normalise is None,
                axis_name=self.axis_name,
                name=f'layer_{index}',
                **types,
            )(x, train=train)
        x = x.reshape(x.shape[0], -1)
        x = leaky_relu_tenth(
            _dense(self, x, self.hidden, 'dense', train, self.normalise)
        )
        code = leaky_relu_tenth(
            _dense(self, x, self.code_hidden, 'code', train, self.normalise)
        )
        return (
            nn.Dense(1, name='output', **types)(x),
            nn.Dense(self.categories, name='category', **types)(code),
            nn.Dense(self.continuous, name='mean', **types)(code),
            nn.Dense(self.continuous, name='log_variance', **types)(code),
        )


def infogan(
    size: int = 28,
    channels: int = 1,
    noise: int = 62,
    categories: int = 10,
    continuous: int = 2,
    width: int = 64,
    hidden: int = 1024,
    code_hidden: int = 128,
    normalise: Normalise | None = batch_norm,
    kernel_init: Initializer = _SMALL,
) -> Adversaries:
    """Make adversaries with codes, for square images in [0, 1].

    Args:
        size: height and width of the images, a multiple of 4.
        channels: of the images.
        noise: dimension of the noise, beside the codes.
        categories: of the categorical code.
        continuous: how many continuous codes.
        width: channels next to the image, in both.
        hidden: units of both nets' widest dense layers.
        code_hidden: units of the layer of which the codes are read.
        normalise: what normalises the discriminator; None for nothing, as a penalty on
            its gradient asks for it. The generator has batch norm.
        kernel_init: initialiser of the weights; without normalisation those of the
            paper are small.

    Returns:
        The net, that of the paper for MNIST; its noise is a `CodedNoise`, and its
        discriminator reads the codes. Train both players with `recover_codes`.

    Raises:
        ValueError: for a size that is no multiple of 4, or no category or code.

    Reference:
        Chen et al. (2016), InfoGAN: Interpretable Representation Learning by
        Information Maximizing Generative Adversarial Nets, appendix C.1,
        https://arxiv.org/abs/1606.03657

    Example:
        >>> infogan(size=8, noise=16).latent
        28
    """
    if size < 4 or size % 4 or channels < 1:
        raise ValueError(
            f'size is {size} and channels {channels}, wanted a multiple of 4 and at '
            'least 1'
        )
    if categories < 2 or continuous < 1:
        raise ValueError(
            f'categories is {categories} and continuous {continuous}, wanted at least '
            '2 and 1'
        )
    prior = CodedNoise(noise, categories, continuous)
    return Adversaries(
        CodedGenerator((size, size, channels), hidden, width, kernel_init=kernel_init),
        ReadingDiscriminator(
            categories,
            continuous,
            width,
            hidden,
            code_hidden,
            normalise,
            kernel_init=kernel_init,
        ),
        latent=prior.size,
        prior=prior,
    )


def _dense(
    net: nn.Module,
    x: Array,
    width: int,
    name: str,
    train: bool,
    normalise: Normalise | None = batch_norm,
) -> Array:
    """Add a dense layer and what normalises it to a net that is being called."""
    types: dict[str, Any] = {'dtype': net.dtype, 'param_dtype': net.param_dtype}
    x = nn.Dense(
        width,
        use_bias=normalise is None,
        kernel_init=net.kernel_init,
        name=name,
        **types,
    )(x)
    if normalise is None:
        return x
    shared = {'axis_name': net.axis_name, 'name': f'{name}_norm'}
    return normalise(x, train=train, **shared, **types)
