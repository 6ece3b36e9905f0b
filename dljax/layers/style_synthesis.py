"""Modulated convolutions from a constant to an image."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers.activations import rectify_evenly
from dljax.layers.modulated_conv import ModulatedConv
from dljax.layers.smooth_resampling import upsample_smooth
from dljax.types import Array


class StyleSynthesis(nn.Module):
    """Turn styles into an image, which is the sum of one of each size.

    A learned constant; one modulated convolution at its size, two at each that is twice
    as large; noise, scaled by a number that is learned, a bias and a leaky ReLU behind
    each; an image of each size by a 1x1 convolution that is modulated and not
    demodulated.

    Attributes:
        shape: (height, width, channels) of an image, a square.
        width: channels at full size, times its multiplier.
        multipliers: of the width, from the first maps on; each but the first doubles
            the side.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN,
        https://arxiv.org/abs/1912.04958; figures 2 (c) and 7 (b).

    Example:
        >>> net, styles = StyleSynthesis((8, 8, 1), 4, (2, 1)), jnp.ones((3, 4, 5))
        >>> made, _ = jax.eval_shape(net.init_with_output, jax.random.key(0), styles)
        >>> made.shape
        (3, 8, 8, 1)
    """

    shape: tuple[int, int, int]
    width: int
    multipliers: tuple[int, ...]
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, styles: Array, *, train: bool = False) -> Array:
        """Turn styles into images.

        Args:
            styles: [batch, layers, style], of 2 layers a multiplier.
            train: whether the noise is drawn, from the stream 'maps'; if not, it is one
                fixed pattern.

        Returns:
            [batch, *shape], real ones in [-1, 1], without bounds.
        """
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        widths = [self.width * multiplier for multiplier in self.multipliers]
        side = self.shape[0] // 2 ** (len(widths) - 1)
        start = (side, side, widths[0])
        normal = nn.initializers.normal(1.0)
        constant = self.param('constant', normal, start, self.param_dtype)
        x = jnp.broadcast_to(constant.astype(styles.dtype), (styles.shape[0], *start))
        image = None
        for index, width in enumerate(widths):
            count = 2 if index else 1
            for layer in range(count):
                place = max(2 * index - 1, 0) + layer
                doubles = index > 0 and layer == 0
                name = f'conv_{place}'
                x = ModulatedConv(width, doubles=doubles, name=name, **types)(
                    x, styles[:, place]
                )
                x = self._noisy(x, place, train)
            to_image = ModulatedConv(
                self.shape[-1],
                kernel_size=1,
                demodulate=False,
                name=f'image_{index}',
                **types,
            )
            more = to_image(x, styles[:, place + 1])
            zeros = nn.initializers.zeros
            more = more + self._bias(f'image_bias_{index}', zeros, more)
            image = more if image is None else upsample_smooth(image) + more
        assert image is not None  # there is at least one size
        return image

    def _noisy(self, maps: Array, place: int, train: bool) -> Array:
        """Add noise that is one for all channels, a bias, and rectify."""
        form = (*maps.shape[:3], 1)
        if train:
            noise = jax.random.normal(self.make_rng('maps'), form, maps.dtype)
        else:  # one pattern for every image, so that a style has one image
            noise = jax.random.normal(jax.random.key(place), (1, *form[1:]), maps.dtype)
            noise = jnp.broadcast_to(noise, form)
        zeros = nn.initializers.zeros
        strength = self.param(f'noise_{place}', zeros, (), self.param_dtype)
        maps = maps + strength.astype(maps.dtype) * noise
        return rectify_evenly(maps + self._bias(f'bias_{place}', zeros, maps))

    def _bias(self, name: str, start: Any, maps: Array) -> Array:
        bias = self.param(name, start, maps.shape[-1:], self.param_dtype)
        return bias.astype(maps.dtype)[None, None, None, :]
