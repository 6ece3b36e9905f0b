"""Adversaries whose discriminator classifies as well."""

from typing import Any

import jax
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
from dljax.layers.checks import check_fractions
from dljax.models.adversaries import Adversaries
from dljax.models.settings import check_sizes, check_square
from dljax.types import Array


class LabelledGenerator(nn.Module):
    """A dense layer of noise and label, and transposed 5x5 convolutions to an image.

    Each doubling halves the channels. ReLUs, batch norm but in the dense layer
    and at the end, where tanh is.

    Attributes:
        shape: (height, width, channels) of an image, a square.
        classes: how many there are.
        width: channels before the last layer.
        first: side of the first feature maps; the size is first · 2ⁿ.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for sizes that do not fit.
    """

    shape: tuple[int, int, int] = (32, 32, 3)
    classes: int = 10
    width: int = 96
    first: int = 4
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_square(self.shape)
        doublings(self.shape[0], self.first)
        check_sizes(classes=self.classes, width=self.width)

    @nn.compact
    def __call__(self, noise: Array, label: Array, *, train: bool = False) -> Array:
        """Make images of classes.

        Args:
            noise: [batch, latent].
            label: [batch] integers from 0 on.
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, *shape] in [-1, 1].
        """
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        common: dict[str, Any] = {
            'kernel_size': 5,
            'transposed': True,
            'axis_name': self.axis_name,
            **types,
        }
        n = doublings(self.shape[0], self.first)
        widths = [self.width * 2**index for index in reversed(range(n))]
        chosen = jax.nn.one_hot(label, self.classes, dtype=noise.dtype)
        x = jnp.concatenate([noise, chosen], axis=1)
        x = nn.relu(nn.Dense(self.first**2 * widths[0], name='first', **types)(x))
        x = x.reshape(-1, self.first, self.first, widths[0])
        for index, width in enumerate(widths[1:]):
            layer = NormalisedConv(width, name=f'layer_{index}', **common)
            x = layer(x, train=train)
        return NormalisedConv(
            self.shape[-1],
            activation=jnp.tanh,
            normalise=None,
            use_bias=True,
            name='output',
            **common,
        )(x)


class ClassifyingDiscriminator(nn.Module):
    """3x3 convolutions of stride 2 and 1 in turn, with dropout, and two outputs.

    Leaky ReLUs of negative slope 0.2; batch norm in each layer but the first.

    Attributes:
        classes: how many there are.
        features: channels of the layers.
        dropout: fraction of the feature maps' values dropped in training, after each
            layer.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for no layer, or a dropout out of range.
    """

    classes: int = 10
    features: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    dropout: float = 0.5
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if not self.features:
            raise ValueError(f'features are {self.features}, wanted widths, at least 1')
        check_sizes(classes=self.classes, features=self.features)
        check_fractions(dropout=self.dropout)

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> tuple[Array, Array]:
        """Judge images and tell their classes.

        Args:
            image: [batch, height, width, channel] float in [-1, 1].
            train: whether dropout acts and batch statistics are those of the batch.

        Returns:
            [batch, 1] logits, large for real images, and [batch, classes] logits.
        """
        check_images(image, smallest=2 ** -(-len(self.features) // 2))
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = image
        for index, width in enumerate(self.features):
            x = NormalisedConv(
                width,
                kernel_size=3,
                stride=1 if index % 2 else 2,
                activation=leaky_relu_fifth,
                normalise=batch_norm if index else None,
                use_bias=not index,
                axis_name=self.axis_name,
                name=f'layer_{index}',
                **types,
            )(x, train=train)
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = x.reshape(x.shape[0], -1)
        source = nn.Dense(1, name='source', **types)(x)
        return source, nn.Dense(self.classes, name='class', **types)(x)


def acgan(
    size: int = 32,
    channels: int = 3,
    classes: int = 10,
    latent: int = 100,
    width: int = 96,
    first: int = 4,
    features: tuple[int, ...] = (16, 32, 64, 128, 256, 512),
    dropout: float = 0.5,
) -> Adversaries:
    """Make a generator conditioned on the class, and a discriminator that classifies.

    Args:
        size: height and width of the images, first · 2ⁿ with n of at least 1.
        channels: of the images.
        classes: how many there are; labels are integers from 0 on.
        latent: dimension of the noise, normal, beside those of the class.
        width: channels of the generator before its last layer.
        first: side of the generator's first feature maps.
        features: channels of the discriminator's layers.
        dropout: fraction of its units dropped in training.

    Returns:
        The net, that of the paper for CIFAR-10: the generator takes the label after the
        noise; the discriminator returns a logit and those of the classes.

    Raises:
        ValueError: for sizes that do not fit, or settings out of range.

    Reference:
        Odena et al. (2017), Conditional Image Synthesis with Auxiliary Classifier GANs,
        table 2, https://arxiv.org/abs/1610.09585

    Example:
        >>> acgan(size=8, channels=1, first=2, features=(32, 64)).generator.shape
        (8, 8, 1)
    """
    return Adversaries(
        LabelledGenerator((size, size, channels), classes, width, first),
        ClassifyingDiscriminator(classes, features, dropout),
        latent=latent,
    )
