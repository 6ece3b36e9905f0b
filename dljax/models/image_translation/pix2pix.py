"""Image translation learned from pairs: a U-Net against a PatchGAN (U4.2, U4.3)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    Normalise,
    NormalisedConv,
    check_multiple,
    instance_norm,
    leaky_relu_fifth,
    typed,
)
from dljax.layers.checks import check_fractions
from dljax.models.patch_discriminator import PatchDiscriminator
from dljax.models.settings import check_sizes
from dljax.types import Array


class UNetGenerator(nn.Module):
    """4x4 convolutions that halve the side to a few pixels, and as many back.

    The channels double from `width` up to eightfold. On the way up each layer but the
    innermost sees, beside what comes from below, the maps of its own size of the way
    down. Leaky ReLUs of negative slope 0.2 down, ReLUs up, tanh at the end. All layers
    are normalised but the first, the innermost and the last.

    Attributes:
        channels: of the images made.
        width: channels of the first layer.
        halvings: of the side; both sides are multiples of 2 to the power of it.
        dropout: the probability in [0, 1) with which a value is dropped in the first
            three layers up, which is the only noise. It acts in training alone; the
            paper lets it act in the test too.
        normalise: such as `instance_norm`, which is what the paper's batch norm of one
            image is; None for none.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for sizes below 1, or a dropout out of range.

    Reference:
        Isola et al. (2017), Image-to-Image Translation with Conditional Adversarial
        Networks, section 6.1, https://arxiv.org/abs/1611.07004

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = UNetGenerator(width=4, halvings=3), jnp.ones((2, 16, 24, 1))
        >>> net.init_with_output(jax.random.key(0), image)[0].shape
        (2, 16, 24, 3)
    """

    channels: int = 3
    width: int = 64
    halvings: int = 8
    dropout: float = 0.5
    normalise: Normalise | None = instance_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(channels=self.channels, width=self.width, halvings=self.halvings)
        check_fractions(dropout=self.dropout)

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Translate images.

        Args:
            image: [batch, height, width, channel] float in [-1, 1].
            train: whether dropout acts, from the stream 'dropout', and batch
                statistics, if any, are those of the batch, and move.

        Returns:
            [batch, height, width, channels] in [-1, 1].

        Raises:
            ValueError: for sides that cannot be halved so often.
        """
        check_multiple(image, 2**self.halvings)
        plain = self.normalise is None
        common: dict[str, Any] = {
            'axis_name': self.axis_name,
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        innermost, x, seen = self.halvings - 1, image, []
        for index in range(self.halvings):
            x = NormalisedConv(
                self.width * min(2**index, 8),
                activation=leaky_relu_fifth,
                normalise=self.normalise if 0 < index < innermost else None,
                use_bias=plain,
                name=f'down_{index}',
                **common,
            )(x, train=train)
            seen.append(x)
        for index in range(innermost, 0, -1):
            x = NormalisedConv(
                self.width * min(2 ** (index - 1), 8),
                transposed=True,
                activation=jax.nn.identity,
                normalise=self.normalise,
                use_bias=plain,
                name=f'up_{index}',
                **common,
            )(x, train=train)
            if innermost - index < 3:
                x = nn.Dropout(self.dropout, deterministic=not train)(x)
            x = jnp.concatenate([jax.nn.relu(x), seen[index - 1]], axis=-1)
        return NormalisedConv(
            self.channels,
            transposed=True,
            activation=jnp.tanh,
            normalise=None,
            use_bias=True,
            name='output',
            **common,
        )(x, train=train)


class PairedTranslation(nn.Module):
    """A translator and its critic: groups 'generator', 'discriminator'.

    Attributes:
        generator: `(image of A, train) -> image of B`.
        discriminator: `(image of B, image of A, train) -> logits`, large for pairs.
        dtype: the type of the computation of both; None leaves each its own.
        param_dtype: the type of all parameters; None leaves each its own.
    """

    generator: nn.Module
    discriminator: nn.Module
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Hand the types on to the parts."""
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.generator = typed(self.generator, **types)
        self.discriminator = typed(self.discriminator, **types)
        super().__post_init__()

    def __call__(
        self, a: Array, b: Array, *, train: bool = False
    ) -> tuple[Array, Array, Array]:
        """Translate images, and judge pairs that are real and made.

        Args:
            a: [batch, height, width, channel] float in [-1, 1].
            b: [batch, height, width, channel'] float in [-1, 1], which belong to them.
            train: passed on to both.

        Returns:
            The translations, the logits of the real pairs and those of the made ones.
        """
        made = self.generator(a, train=train)
        real = self.discriminator(b, a, train=train)
        return made, real, self.discriminator(made, a, train=train)


def pix2pix(
    channels: int = 3,
    width: int = 64,
    halvings: int = 8,
    dropout: float = 0.5,
    normalise: Normalise | None = instance_norm,
    patch_width: int = 64,
    patch_halvings: int = 3,
) -> PairedTranslation:
    """Make pix2pix, which learns from pairs (A, B) to turn A into B.

    54,404,099 parameters in the generator and 2,766,913 in the discriminator at the
    default settings, for images of three channels. Layers that are normalised have no
    bias. With `normalise=batch_norm`, as the released code has it, there are 54,413,955
    and 2,768,705.

    Args:
        channels: of the images of B.
        width: channels of the generator's first layer.
        halvings: of the side in the generator: 8 for 256 pixels, which ends in one.
        dropout: in the first three layers up.
        normalise: `instance_norm`, `batch_norm`, or None for none, of both nets.
        patch_width: channels of the discriminator's first layer.
        patch_halvings: of the side in the discriminator: 3 for patches of 70 pixels.

    Returns:
        The net; its initialisers are the paper's, normal with standard deviation 0.02.

    Raises:
        ValueError: for sizes below 1, or a dropout out of range.

    Reference:
        Isola et al. (2017), Image-to-Image Translation with Conditional Adversarial
        Networks, https://arxiv.org/abs/1611.07004

    Example:
        >>> pix2pix(channels=1).generator.channels
        1
    """
    return PairedTranslation(
        UNetGenerator(channels, width, halvings, dropout, normalise),
        PatchDiscriminator(
            patch_width, patch_halvings, normalise, use_bias=normalise is None
        ),
    )


def pix2pix_small(
    channels: int = 3,
    width: int = 16,
    halvings: int = 4,
    dropout: float = 0.5,
    normalise: Normalise | None = instance_norm,
    patch_width: int = 16,
    patch_halvings: int = 2,
) -> PairedTranslation:
    """Make pix2pix for images of 32 to 64 pixels.

    Four halvings, to 2x2 places of 32x32 pixels, and patches of 34 pixels.

    Args:
        channels: of the images of B.
        width: channels of the generator's first layer.
        halvings: of the side in the generator.
        dropout: in the first three layers up.
        normalise: as in `pix2pix`.
        patch_width: channels of the discriminator's first layer.
        patch_halvings: of the side in the discriminator.

    Returns:
        The net.

    Raises:
        ValueError: for sizes below 1, or a dropout out of range.

    Reference:
        Isola et al. (2017), Image-to-Image Translation with Conditional Adversarial
        Networks, https://arxiv.org/abs/1611.07004

    Example:
        >>> pix2pix_small().generator.halvings
        4
    """
    return pix2pix(
        channels, width, halvings, dropout, normalise, patch_width, patch_halvings
    )
