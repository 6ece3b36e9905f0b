"""The U-Net: a contracting path, an expanding one, and what joins them (U2.8)."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
from dljax.layers import (
    Normalise,
    NormalisedConv,
    TransposedConv,
    check_images,
    rematerialise,
)
from dljax.layers.conv import Conv
from dljax.models.settings import check_settings, settings_of
from dljax.types import Array

# A Gaussian of variance 2 / N for the N inputs of a unit, as the paper asks for.
he_normal = nn.initializers.variance_scaling(2.0, 'fan_in', 'normal')


class DoubleConv(nn.Module):
    """Two 3x3 convolutions, each followed by a ReLU: a level of the U-Net.

    Attributes:
        features: channels of both.
        padded: whether the edges are padded, so that the size stays.
        normalise: before either ReLU; None for none, and then with a bias.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
    """

    features: int
    padded: bool = True
    normalise: Normalise | None = None
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = he_normal

    @nn.compact
    def __call__(self, maps: Array, *, train: bool = False) -> Array:
        """Compute the feature maps of a level.

        Args:
            maps: [batch, height, width, channel].
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, height, width, features]; unpadded, either side is shorter by 4.
        """
        for name in ('conv1', 'conv2'):
            maps = NormalisedConv(
                self.features,
                kernel_size=3,
                stride=1,
                padded=self.padded,
                normalise=self.normalise,
                use_bias=self.normalise is None,
                axis_name=self.axis_name,
                dtype=self.dtype,
                param_dtype=self.param_dtype,
                kernel_init=self.kernel_init,
                name=name,
            )(maps, train=train)
        return maps


class UNet(nn.Module):
    """U-Net: what a pixel is, from coarse feature maps; where it ends, from fine ones.

    Each level of the contracting path has two 3x3 convolutions; a 2x2 max pooling leads
    down to the next, of twice the channels. On the way up a 2x2 up-convolution halves
    the channels, the maps of the contracting path at that level are put beside it, and
    two 3x3 convolutions follow. A 1x1 convolution gives the logits.

    The paper's convolutions are unpadded: a map of 572x572 gives 388x388 logits, those
    of its middle, and large images are cut into overlapping tiles. Here padding is the
    default, since then the logits have the image's size, which is that of the labels
    that data sets give; `unet_2015` is the paper's form.

    The maps are called `down_0` to `down_3`, `bottom`, `upconv_3`, `up_3` to `up_0`.

    Attributes:
        classes: the number of logits of a pixel, at least 2.
        width: channels of the first level, at least 1.
        depth: number of poolings; 0 leaves two convolutions and the output.
        padded: whether the edges are padded with zeros.
        normalise: before each ReLU, such as `batch_norm`; None, the paper's, for
            none.
        dropout: the probability in [0, 1) with which a value is dropped at the end of
            the contracting path: after its last level and after the bottom. The paper
            does not state it; the net that its authors released has 0.5.
        remat: whether the levels are computed again in the backward pass, which saves
            memory; the numbers stay.
        axis_name: of a mapped axis that shares the batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a size below its least value or a dropout out of range.

    Reference:
        Ronneberger et al. (2015), U-Net: Convolutional Networks for Biomedical Image
        Segmentation, https://arxiv.org/abs/1505.04597. Its released net has a ReLU
        after each up-convolution as well, which the paper does not mention and this net
        does not have.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = UNet(classes=3, width=4, depth=2), jnp.ones((2, 8, 12, 1))
        >>> net.init_with_output(jax.random.key(0), image)[0].shape
        (2, 8, 12, 3)
    """

    classes: int = 2
    width: int = 64
    depth: int = 4
    padded: bool = True
    normalise: Normalise | None = None
    dropout: float = 0.0
    remat: bool = False
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = he_normal

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_settings(self.classes, {'dropout': self.dropout}, width=self.width)
        if self.depth < 0:
            raise ValueError(f'depth is {self.depth}, wanted at least 0')

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits of every pixel.

        Args:
            image: [batch, height, width, channel] float. Padded, both sides are
                multiples of 2 to the power of `depth`; unpadded, they are such that
                each pooling meets an even side.
            train: whether batch statistics are those of the batch and move, and whether
                dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, height', width', classes]: of the image's size if padded, else of
            `output_side` of either side, the pixels in the middle.

        Raises:
            ValueError: if `image` is no batch of images, or of a size that does not go
                through; names the nearest that do.
        """
        check_images(image)
        _check_side('height', image.shape[1], self.depth, self.padded)
        _check_side('width', image.shape[2], self.depth, self.padded)
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        common = {
            'padded': self.padded,
            'normalise': self.normalise,
            'axis_name': self.axis_name,
            **types,
        }

        def level(features: int, name: str, maps: Array) -> Array:
            block = DoubleConv(features, name=name, **common)
            return rematerialise(block, maps, train=train, remat=self.remat)

        drop = nn.Dropout(self.dropout, deterministic=not train)
        x, skips = image, []
        for index in range(self.depth):
            x = level(self.width * 2**index, f'down_{index}', x)
            x = drop(x) if index == self.depth - 1 else x
            skips.append(x)
            x = max_pool(x, (2, 2), strides=(2, 2))
        x = drop(level(self.width * 2**self.depth, 'bottom', x))
        for index in reversed(range(self.depth)):
            features, name = self.width * 2**index, f'upconv_{index}'
            x = TransposedConv(features, 2, padding=(1, 1), name=name, **types)(x)
            x = jnp.concatenate([_middle(skips[index], x), x], axis=-1)
            x = level(features, f'up_{index}', x)
        return Conv(self.classes, (1, 1), name='output', **types)(x)


@settings_of(UNet, 'padded', dropout=0.5)
def unet_2015(**settings: Any) -> UNet:
    """Make the U-Net of the paper: unpadded, 572x572 pixels in, 388x388 logits out.

    Args:
        **settings: of `UNet`, but `padded`; here `dropout` is 0.5 where it is not
            given.

    Returns:
        The module.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Ronneberger et al. (2015), U-Net: Convolutional Networks for Biomedical Image
        Segmentation, https://arxiv.org/abs/1505.04597

    Example:
        >>> import jax, jax.numpy as jnp
        >>> init, image = unet_2015().init_with_output, jnp.ones((1, 572, 572, 1))
        >>> jax.eval_shape(init, jax.random.key(0), image)[0].shape
        (1, 388, 388, 2)
    """
    return UNet(padded=False, **settings)


def output_side(side: int, depth: int = 4, padded: bool = False) -> int | None:
    """Tell how many pixels of a side get logits.

    Args:
        side: height or width of the image, in pixels.
        depth: number of poolings.
        padded: whether the net pads.

    Returns:
        The side of the logits; None where the image does not go through: where a
        pooling meets an odd side or nothing is left.

    Example:
        >>> output_side(572), output_side(571), output_side(48, depth=3, padded=True)
        (388, None, 48)
    """
    lost = 0 if padded else 4  # by the two convolutions of a level
    for _ in range(depth):
        side -= lost
        if side < 2 or side % 2:
            return None
        side //= 2
    for _ in range(depth):
        side = 2 * (side - lost)
    return side - lost if side > lost else None


def _check_side(name: str, side: int, depth: int, padded: bool) -> None:
    if output_side(side, depth, padded) is not None:
        return
    below = [s for s in range(side, 0, -1) if output_side(s, depth, padded)][:1]
    above = side
    while output_side(above, depth, padded) is None:
        above += 1
    near = ' or '.join(map(str, [*below, above]))
    raise ValueError(
        f'image has a {name} of {side}, wanted {near} for {depth} poolings '
        f'{"with" if padded else "without"} padding: resize, pad or crop the images'
    )


def _middle(maps: Array, like: Array) -> Array:
    """Cut the middle of maps to the height and width of others."""
    height, width = like.shape[1:3]
    top, left = (maps.shape[1] - height) // 2, (maps.shape[2] - width) // 2
    return maps[:, top : top + height, left : left + width]
