"""Large residual adversaries that are told the class (U4.2)."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    ConditionalBlock,
    HalvingBlock,
    ImageAttention,
    ProjectionHead,
    batch_norm,
    check_images,
    constrained,
    orthogonal,
)
from dljax.layers.spectral_blocks import spectral_conv, spectral_types
from dljax.models.adversaries import Adversaries
from dljax.models.settings import check_sizes, check_square
from dljax.types import Array


class LargeGenerator(nn.Module):
    """A dense layer of the first part of the noise, and a block for each of the others.

    The embedding of the class is one for all blocks; each is told it beside its own
    part of the noise.

    Attributes:
        shape: (height, width, channels) of an image, a square.
        classes: how many there are.
        width: channels before the last layer, times its multiplier.
        multipliers: of the width, in the first maps and behind each block, which
            doubles the side.
        embedding: numbers of a class.
        attention: side of the maps that see themselves; None for none.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for sizes that do not fit.
    """

    shape: tuple[int, int, int] = (128, 128, 3)
    classes: int = 1000
    width: int = 96
    multipliers: tuple[int, ...] = (16, 16, 8, 4, 2, 1)
    embedding: int = 128
    attention: int | None = 64
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = orthogonal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        _check(self.shape[0], self.multipliers, self.attention)
        check_square(self.shape)
        check_sizes(
            classes=self.classes,
            width=self.width,
            multipliers=self.multipliers,
            embedding=self.embedding,
        )

    @nn.compact
    def __call__(self, noise: Array, label: Array, *, train: bool = False) -> Array:
        """Make images of classes.

        Args:
            noise: [batch, latent], in as many equal parts as there are multipliers.
            label: [batch] integers from 0 on.
            train: whether batch statistics are those of the batch, and they and the
                spectral norms move.

        Returns:
            [batch, *shape] in [-1, 1].

        Raises:
            ValueError: for noise that cannot be parted.
        """
        parts = len(self.multipliers)
        if noise.shape[1] % parts:
            raise ValueError(
                f'the noise has {noise.shape[1]} numbers, wanted a multiple of '
                f'{parts}: the first layer and each block have a part of their own'
            )
        types = spectral_types(self)
        plain: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        first, *others = jnp.split(noise, parts, axis=1)
        # As in the paper's code the embedding alone is not held by its spectral norm.
        vectors = nn.Embed(
            self.classes,
            self.embedding,
            embedding_init=self.kernel_init,
            name='embedding',
            **plain,
        )(label)
        widths = [self.width * multiplier for multiplier in self.multipliers]
        side = self.shape[0] // 2 ** len(others)
        dense = nn.Dense(side**2 * widths[0], name='first', **types)
        x = constrained(dense, spectral=True, train=train)(first)
        x = x.reshape(-1, side, side, widths[0])
        for index, (width, part) in enumerate(zip(widths[1:], others, strict=True)):
            block = ConditionalBlock(
                width, axis_name=self.axis_name, name=f'block_{index}', **types
            )
            x = block(x, jnp.concatenate([part, vectors], axis=1), train=train)
            side *= 2
            if side == self.attention:
                look = ImageAttention(spectral=True, name='attention', **types)
                x = look(x, train=train)
        shared: dict[str, Any] = {'axis_name': self.axis_name, 'name': 'norm', **plain}
        x = batch_norm(x, train=train, **shared)
        return jnp.tanh(
            spectral_conv(self, nn.relu(x), self.shape[-1], 3, 'output', train)
        )


class ProjectionDiscriminator(nn.Module):
    """Residual blocks, the sum over all places, and a projection on the class.

    Attributes:
        classes: how many there are.
        width: channels, times the multiplier.
        multipliers: of the width, behind each block; all but the last block halve the
            side.
        attention: side of the maps that see themselves; None for none.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for fewer than two blocks or sizes below 1.
    """

    classes: int = 1000
    width: int = 96
    multipliers: tuple[int, ...] = (1, 2, 4, 8, 16, 16)
    attention: int | None = 64
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = orthogonal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if len(self.multipliers) < 2:
            raise ValueError(
                f'multipliers are {self.multipliers}, wanted at least two: one a block'
            )
        check_sizes(
            classes=self.classes, width=self.width, multipliers=self.multipliers
        )

    @nn.compact
    def __call__(self, image: Array, label: Array, *, train: bool = False) -> Array:
        """Judge images, and how well they go with their classes.

        Args:
            image: [batch, height, width, channel] float in [-1, 1].
            label: [batch] integers from 0 on.
            train: whether the spectral norms move.

        Returns:
            [batch, 1] logits, large for real images.
        """
        check_images(image, smallest=2 ** (len(self.multipliers) - 1))
        types, x = spectral_types(self), image
        last = len(self.multipliers) - 1
        for index, multiplier in enumerate(self.multipliers):
            x = HalvingBlock(
                self.width * multiplier,
                halves=index < last,
                rectified=index > 0,
                name=f'block_{index}',
                **types,
            )(x, train=train)
            if x.shape[1] == self.attention and index < last:
                look = ImageAttention(spectral=True, name='attention', **types)
                x = look(x, train=train)
        head = ProjectionHead(self.classes, spectral=True, name='output', **types)
        return head(nn.relu(x).sum((1, 2)), label, train=train)


def biggan(
    size: int = 128,
    channels: int = 3,
    classes: int = 1000,
    latent: int = 120,
    width: int = 96,
    multipliers: tuple[int, ...] = (16, 16, 8, 4, 2, 1),
    embedding: int = 128,
    attention: int | None = 64,
) -> Adversaries:
    """Make a large class-conditional pair for square images in [-1, 1].

    Args:
        size: height and width of the images, a multiple of 2ⁿ.
        channels: of the images.
        classes: how many there are.
        latent: dimension of the noise, normal, a multiple of n + 1.
        width: channels at full size, of both.
        multipliers: of the width, the n + 1 of the generator from its first maps on;
            the discriminator has them from behind.
        embedding: numbers of a class in the generator.
        attention: side of the maps of both that see themselves; None for none.

    Returns:
        The net, that of the paper for ImageNet in 128x128; train it by `hinge_game`,
        the discriminator twice as often as the generator, which is held by
        `hold_orthogonal`, and show the average of the generator's weights on
        `TruncatedNoise`.

    Raises:
        ValueError: for sizes that do not fit.

    Reference:
        Brock et al. (2019), Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, appendix B, https://arxiv.org/abs/1809.11096

    Example:
        >>> biggan(width=32).generator.shape
        (128, 128, 3)
    """
    if latent % len(multipliers):
        raise ValueError(
            f'latent is {latent}, wanted a multiple of {len(multipliers)}, the number '
            'of multipliers: the first layer and each block have a part of their own'
        )
    return Adversaries(
        LargeGenerator(
            (size, size, channels), classes, width, multipliers, embedding, attention
        ),
        ProjectionDiscriminator(classes, width, multipliers[::-1], attention),
        latent=latent,
    )


def biggan_small(
    size: int = 8,
    channels: int = 1,
    classes: int = 10,
    latent: int = 30,
    width: int = 16,
    multipliers: tuple[int, ...] = (4, 2, 1),
    embedding: int = 16,
    attention: int | None = 4,
) -> Adversaries:
    """Make the same pair for small images, such as digits of 8x8.

    Args:
        size: height and width of the images, a multiple of 2ⁿ.
        channels: of the images.
        classes: how many there are.
        latent: dimension of the noise, a multiple of n + 1.
        width: channels at full size, of both.
        multipliers: of the width, n + 1 of them, see `biggan`.
        embedding: numbers of a class in the generator.
        attention: side of the maps that see themselves; None for none.

    Returns:
        The net, see `biggan`.

    Raises:
        ValueError: for sizes that do not fit.

    Reference:
        Brock et al. (2019), Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, https://arxiv.org/abs/1809.11096

    Example:
        >>> biggan_small(size=28, attention=14).generator.shape
        (28, 28, 1)
    """
    return biggan(
        size, channels, classes, latent, width, multipliers, embedding, attention
    )


def _check(size: int, multipliers: tuple[int, ...], attention: int | None) -> None:
    halvings = len(multipliers) - 1
    if halvings < 1 or size % 2**halvings:
        raise ValueError(
            f'size is {size} with multipliers {multipliers}, wanted two or more of '
            'them, and a multiple of 2 to the power of their number less 1'
        )
    sides = [size // 2**index for index in range(1, halvings)]
    if attention is not None and attention not in sides:
        raise ValueError(
            f'attention is {attention}, wanted None or a side that both nets have '
            f'between their blocks, one of {sides}'
        )
