"""A generator that is told a style at every scale, and its discriminator (U4.2)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers import (
    EqualisedConv,
    EqualisedDense,
    StyleMapping,
    StyleSynthesis,
    blur,
    check_images,
    minibatch_deviation,
    mix_styles,
)
from dljax.layers.activations import rectify_evenly
from dljax.models.adversaries import Adversaries
from dljax.models.settings import check_sizes, check_square
from dljax.types import Array


class StyleGenerator(nn.Module):
    """Noise becomes a style, and the style an image, layer by layer.

    Each layer has a style of its own, so that those of two noises are mixed: the
    coarse scales of one, the fine ones of the other.

    Attributes:
        shape: (height, width, channels) of an image, a square.
        width: channels at full size, times its multiplier.
        multipliers: of the width, from the first maps on; each but the first doubles
            the side.
        style: numbers of a style.
        mapping_layers: dense layers from noise to style.
        mixing: fraction of samples of two styles, in training.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.

    Raises:
        ValueError: for sizes that do not fit, or a fraction out of range.
    """

    shape: tuple[int, int, int] = (8, 8, 1)
    width: int = 16
    multipliers: tuple[int, ...] = (4, 2, 1)
    style: int = 32
    mapping_layers: int = 4
    mixing: float = 0.9
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_square(self.shape, 2 ** (len(self.multipliers) - 1))
        check_sizes(
            width=self.width,
            multipliers=self.multipliers or (0,),
            style=self.style,
            mapping_layers=self.mapping_layers,
        )
        if not 0 <= self.mixing <= 1:
            raise ValueError(
                f'mixing is {self.mixing}, wanted a fraction in [0, 1] of the samples'
            )

    @property
    def layers(self) -> int:
        """Layers that have a style: the convolutions and the last image."""
        return 2 * len(self.multipliers)

    def setup(self) -> None:
        """Make both parts."""
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.mapping = StyleMapping(self.style, self.mapping_layers, **types)
        self.synthesis = StyleSynthesis(
            self.shape, self.width, self.multipliers, **types
        )

    def __call__(
        self, noise: Array, *, train: bool = False, truncation: float = 1.0
    ) -> Array:
        """Turn noise into images.

        Args:
            noise: [batch, latent].
            train: whether styles are mixed, their mean moves and the noise of the maps
                is drawn, from the streams 'mixing' and 'maps'; if not, it is one fixed
                pattern.
            truncation: ψ, the part that is kept of a style's distance from the mean of
                all; 1 keeps it.

        Returns:
            [batch, *shape], real ones in [-1, 1], without bounds.
        """
        styles = self.styles(noise, train=train, truncation=truncation)
        return self.synthesise(styles, train=train)

    def styles(
        self, noise: Array, *, train: bool = False, truncation: float = 1.0
    ) -> Array:
        """Turn noise into the styles of all layers.

        Args:
            noise: [batch, latent].
            train: as in a call.
            truncation: as in a call.

        Returns:
            [batch, layers, style].
        """
        one, mean = self.mapping(noise, train=train)
        if truncation != 1:
            centre = mean.astype(one.dtype)[None]
            one = centre + truncation * (one - centre)
        whole = (one.shape[0], self.layers, self.style)
        first = jnp.broadcast_to(one[:, None], whole)
        if not (train and self.mixing) or self.is_initializing():
            return first
        shape = (noise.shape[0], 1)
        other = jax.random.normal(self.make_rng('mixing'), noise.shape, noise.dtype)
        second = jnp.broadcast_to(self.mapping(other)[0][:, None], whole)
        key = self.make_rng('mixing')
        place = jax.random.randint(key, shape, 1, self.layers)
        mixed = jax.random.bernoulli(self.make_rng('mixing'), self.mixing, shape)
        return mix_styles(first, second, jnp.where(mixed, place, self.layers)[:, 0])

    def synthesise(self, styles: Array, *, train: bool = False) -> Array:
        """Turn styles into images.

        Args:
            styles: [batch, layers, style].
            train: whether the noise of the maps is drawn.

        Returns:
            [batch, *shape].
        """
        return self.synthesis(styles, train=train)


class StyleDiscriminator(nn.Module):
    """Residual blocks that halve the side through a filter, and the batch's deviation.

    Attributes:
        width: channels at full size, times the multiplier.
        multipliers: of the width, from the image on; each but the first halves the
            side.
        group: examples whose deviation is seen.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.

    Raises:
        ValueError: for sizes below 1.
    """

    width: int = 16
    multipliers: tuple[int, ...] = (1, 2, 4)
    group: int = 4
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(
            width=self.width,
            multipliers=self.multipliers or (0,),
            group=self.group,
        )

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Judge images.

        Args:
            image: [batch, height, width, channel] float in [-1, 1], of sides that are
                halved without a rest.
            train: not used.

        Returns:
            [batch, 1] logits, large for real images.
        """
        del train
        check_images(image, smallest=2 ** (len(self.multipliers) - 1))
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        first, *others = (self.width * multiplier for multiplier in self.multipliers)
        x = rectify_evenly(EqualisedConv(first, 1, name='pixels', **types)(image))
        for index, width in enumerate(others):
            inner = EqualisedConv(x.shape[-1], name=f'conv_{index}', **types)(x)
            halve = EqualisedConv(width, stride=2, name=f'halve_{index}', **types)
            inner = rectify_evenly(halve(blur(rectify_evenly(inner), 2, 2)))
            around = blur(x, 1, 1)[:, ::2, ::2]
            skip = f'shortcut_{index}'
            around = EqualisedConv(width, 1, use_bias=False, name=skip, **types)(around)
            x = (inner + around) * jnp.asarray(0.5**0.5, inner.dtype)
        x = minibatch_deviation(x, self.group)
        last = self.width * self.multipliers[-1]
        x = rectify_evenly(EqualisedConv(last, name='conv', **types)(x))
        x = x.reshape(x.shape[0], -1)
        x = rectify_evenly(EqualisedDense(last, name='hidden', **types)(x))
        return EqualisedDense(1, name='output', **types)(x)


def stylegan_small(
    size: int = 8,
    channels: int = 1,
    latent: int = 32,
    style: int = 32,
    mapping_layers: int = 4,
    width: int = 16,
    multipliers: tuple[int, ...] = (4, 2, 1),
    mixing: float = 0.9,
) -> Adversaries:
    """Make the pair for small square images in [-1, 1].

    Args:
        size: height and width of the images, a multiple of 2ⁿ.
        channels: of the images.
        latent: dimension of the noise, normal.
        style: numbers of a style.
        mapping_layers: dense layers from noise to style.
        width: channels at full size, of both.
        multipliers: of the width, the n + 1 of the generator from its first maps on;
            the discriminator has them from behind.
        mixing: fraction of samples of two styles, in training.

    Returns:
        The net; train it by `non_saturating_game` with `penalise_real` and
        `hold_paths`.

    Raises:
        ValueError: for sizes that do not fit.

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN,
        https://arxiv.org/abs/1912.04958; configuration F, whose generator sums images
        and whose discriminator is residual, with fewer layers and channels.

    Example:
        >>> stylegan_small(size=28).generator.shape
        (28, 28, 1)
    """
    return Adversaries(
        StyleGenerator(
            (size, size, channels), width, multipliers, style, mapping_layers, mixing
        ),
        StyleDiscriminator(width, multipliers[::-1]),
        latent=latent,
    )
