"""Sub-pixel convolution: larger maps from the channels of small ones."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.conv import Conv
from dljax.types import Array, Key


def depth_to_space(maps: Array, scale: int) -> Array:
    r"""Lay the channels of each place out as a square of places.

    $y_{s h + i, s w + j, c} = x_{h, w, c s^2 + i s + j}$: the s² channels that become
    one lie side by side, as in torch's `PixelShuffle` (TensorFlow's `depth_to_space`
    has c next to each other instead).

    Args:
        maps: [batch, height, width, features · s²].
        scale: s.

    Returns:
        [batch, height · s, width · s, features].

    Raises:
        ValueError: for a scale below 1, or channels that s² does not divide.

    Reference:
        Shi et al. (2016), Real-Time Single Image and Video Super-Resolution Using an
        Efficient Sub-Pixel Convolutional Neural Network,
        https://arxiv.org/abs/1609.05158

    Example:
        >>> import jax.numpy as jnp
        >>> print(depth_to_space(jnp.arange(4.).reshape(1, 1, 1, 4), 2)[0, :, :, 0])
        [[0. 1.]
         [2. 3.]]
    """
    if maps.ndim != 4 or scale < 1 or maps.shape[-1] % scale**2:
        raise ValueError(
            f'maps have shape {maps.shape} and scale is {scale}, wanted [batch, height,'
            f' width, channel] with a multiple of {max(scale, 1) ** 2} channels'
        )
    batch, height, width, channels = maps.shape
    features = channels // scale**2
    x = maps.reshape(batch, height, width, features, scale, scale)
    x = x.transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(batch, height * scale, width * scale, features)


def space_to_depth(maps: Array, scale: int) -> Array:
    """Undo `depth_to_space`: each square of places becomes channels of one place.

    Args:
        maps: [batch, height · s, width · s, features].
        scale: s.

    Returns:
        [batch, height, width, features · s²].

    Raises:
        ValueError: for a scale below 1, or sides that it does not divide.

    Example:
        >>> import jax.numpy as jnp
        >>> space_to_depth(jnp.ones((1, 4, 6, 3)), 2).shape
        (1, 2, 3, 12)
    """
    sides = maps.shape[1:3]
    if maps.ndim != 4 or scale < 1 or any(side % scale for side in sides):
        raise ValueError(
            f'maps have shape {maps.shape} and scale is {scale}, wanted [batch, height,'
            f' width, channel] whose sides are multiples of {max(scale, 1)}'
        )
    batch, height, width, features = maps.shape
    x = maps.reshape(batch, height // scale, scale, width // scale, scale, features)
    x = x.transpose(0, 1, 3, 5, 2, 4)
    return x.reshape(batch, height // scale, width // scale, -1)


class SubPixelConv(nn.Module):
    """A convolution of s² times the features, whose channels become places.

    It computes what a transposed convolution of stride s can, at the resolution of its
    input.

    Attributes:
        features: channels of the result.
        scale: s, by which the sides grow.
        kernel_size: k, side of the kernel.
        smooth_init: whether the s² kernels of a feature start alike (ICNR), so that the
            first maps are those of one kernel, each place repeated, without the
            pattern of a checkerboard that independent kernels draw.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        bias_init: initialiser of the biases.

    Raises:
        ValueError: for features, scale or kernel_size below 1.

    Reference:
        Shi et al. (2016), Real-Time Single Image and Video Super-Resolution Using an
        Efficient Sub-Pixel Convolutional Neural Network,
        https://arxiv.org/abs/1609.05158
        Aitken et al. (2017), Checkerboard Artifact Free Sub-Pixel Convolution,
        https://arxiv.org/abs/1707.02937; ICNR.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> maps = jnp.ones((1, 3, 5, 2))
        >>> SubPixelConv(4).init_with_output(jax.random.key(0), maps)[0].shape
        (1, 6, 10, 4)
    """

    features: int
    scale: int = 2
    kernel_size: int = 3
    smooth_init: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()
    bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if min(self.features, self.scale, self.kernel_size) < 1:
            raise ValueError(
                f'features is {self.features}, scale {self.scale} and kernel_size '
                f'{self.kernel_size}, wanted at least 1 of each'
            )

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Compute the larger feature maps.

        Args:
            inputs: [batch, height, width, channel].

        Returns:
            [batch, height · s, width · s, features].
        """
        kernel_init = self.kernel_init
        if self.smooth_init:
            kernel_init = alike(kernel_init, self.scale)
        maps = Conv(
            self.features * self.scale**2,
            (self.kernel_size, self.kernel_size),
            padding='SAME',
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=kernel_init,
            bias_init=self.bias_init,
            name='conv',
        )(inputs)
        return depth_to_space(maps, self.scale)


def alike(initializer: Initializer, scale: int) -> Initializer:
    """Let the s² kernels that `depth_to_space` lays out side by side start as one.

    Args:
        initializer: of one of them.
        scale: s.

    Returns:
        An initialiser of [..., features · s²].

    Reference:
        Aitken et al. (2017), Checkerboard Artifact Free Sub-Pixel Convolution,
        https://arxiv.org/abs/1707.02937

    Example:
        >>> import jax
        >>> kernel = alike(jax.nn.initializers.normal(), 2)(jax.random.key(0), (1, 8))
        >>> bool((kernel[0, :4] == kernel[0, 0]).all())
        True
    """

    def draw(key: Key, shape: Any, dtype: Any = jnp.float32, **more: Any) -> Array:
        one = (*shape[:-1], shape[-1] // scale**2)
        return jnp.repeat(initializer(key, one, dtype, **more), scale**2, axis=-1)

    return draw
