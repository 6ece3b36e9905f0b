"""SRGAN: a net that enlarges pictures against one that knows real ones."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    Normalise,
    NormalisedConv,
    batch_norm,
    check_images,
    leaky_relu_fifth,
    typed,
)
from dljax.models.restoration.srresnet import SRResNet
from dljax.models.settings import check_sizes, settings_of
from dljax.types import Array


class PictureDiscriminator(nn.Module):
    """Eight 3x3 convolutions, every second of stride 2, and two dense layers.

    Channels double behind each stride, from w to 8w; leaky ReLUs of negative slope 0.2;
    each convolution but the first is normalised. The first dense layer reads all
    places, so that pictures have to keep the size with which the net was initialised.

    Attributes:
        width: w.
        hidden: units of the first dense layer.
        normalise: of each convolution but the first; None for none.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for widths below 1.
    """

    width: int = 64
    hidden: int = 1024
    normalise: Normalise | None = batch_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(width=self.width, hidden=self.hidden)

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Judge pictures.

        Args:
            image: [batch, height, width, channel] float in [0, 1]; 96x96x3 in the
                paper.
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, 1] logits, large for real pictures.
        """
        check_images(image, smallest=16)
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        x = image
        for index in range(8):
            x = NormalisedConv(
                self.width * 2 ** (index // 2),
                kernel_size=3,
                stride=1 + index % 2,
                activation=leaky_relu_fifth,
                normalise=self.normalise if index else None,
                use_bias=True,
                axis_name=self.axis_name,
                kernel_init=self.kernel_init,
                name=f'layer_{index}',
                **types,
            )(x, train=train)
        x = x.reshape(len(x), -1)
        x = leaky_relu_fifth(nn.Dense(self.hidden, name='hidden', **types)(x))
        return nn.Dense(1, name='output', **types)(x)


class SRGAN(nn.Module):
    """A net that enlarges pictures, one that tells them from real ones, and a judge.

    Groups 'generator', 'discriminator' and, if there is one, 'judge': a net that no
    player trains, whose features say how much alike two pictures are.

    Attributes:
        generator: `(image, train) -> larger image`.
        discriminator: `(image, train) -> logits`, large for real ones.
        judge: `(image, train) -> anything`; None for none.
        dtype: the type of the computation of all; None leaves each its own.
        param_dtype: the type of all parameters; None leaves each its own.

    Reference:
        Ledig et al. (2017), Photo-Realistic Single Image Super-Resolution Using a
        Generative Adversarial Network, https://arxiv.org/abs/1609.04802
    """

    generator: nn.Module
    discriminator: nn.Module
    judge: nn.Module | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Hand the types on to the parts."""
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.generator = typed(self.generator, **types)
        self.discriminator = typed(self.discriminator, **types)
        if self.judge is not None:
            self.judge = typed(self.judge, **types)
        super().__post_init__()

    def __call__(
        self, image: Array, target: Array, *, train: bool = False
    ) -> tuple[Array, Array]:
        """Judge real pictures, and those made of smaller ones.

        Args:
            image: [batch, height, width, channel] of low resolution, in [0, 1].
            target: [batch, height', width', channel] as large as the generator's.
            train: passed on to both.

        Returns:
            Logits [batch, 1] of the real and of the made ones.
        """
        real = self.discriminator(target, train=train)
        made = self.generator(image, train=train)
        return real, self.discriminator(made, train=train)


@settings_of(SRResNet)
def srgan(
    width: int = 64, hidden: int = 1024, judge: nn.Module | None = None, **settings: Any
) -> SRGAN:
    """Make SRGAN: `SRResNet` against a discriminator.

    1,549,462 parameters in the generator, and 23,565,505 in the discriminator of
    pictures of 96x96 pixels, at the default settings.

    Args:
        width: channels of the discriminator's first layer.
        hidden: units of its first dense layer.
        judge: a net whose features compare pictures, such as VGG-19; None for none.
        **settings: of `SRResNet`; `normalise` and the types are those of the
            discriminator as well.

    Returns:
        The net.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Ledig et al. (2017), Photo-Realistic Single Image Super-Resolution Using a
        Generative Adversarial Network, https://arxiv.org/abs/1609.04802

    Example:
        >>> srgan(scale=2, blocks=4).generator.blocks
        4
    """
    generator = SRResNet(**settings)
    discriminator = PictureDiscriminator(
        width,
        hidden,
        generator.normalise,
        generator.axis_name,
        generator.dtype,
        generator.param_dtype,
    )
    return SRGAN(generator, discriminator, judge)
