"""A discriminator that judges patches of an image, each by itself."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    Normalise,
    NormalisedConv,
    check_images,
    instance_norm,
    leaky_relu_fifth,
)
from dljax.models.settings import check_sizes
from dljax.types import Array


class PatchDiscriminator(nn.Module):
    """PatchGAN: 4x4 convolutions give a logit for each patch of the image.

    So many of stride 2, whose channels double from `width` up to eightfold, one of
    stride 1, and one of a single channel; all padded by 1. Leaky ReLUs of negative
    slope 0.2; each layer but the first and the last is normalised. With 1, 2, 3, 4 and
    5 halvings a logit sees patches of 16, 34, 70, 142 and 286 pixels.

    Attributes:
        width: channels of the first layer.
        halvings: layers of stride 2, at least 1.
        normalise: the layers between the first and the last; None for none of them.
        use_bias: whether the layers between have biases, which `instance_norm` takes
            away again.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a width or halvings below 1.

    Reference:
        Isola et al. (2017), Image-to-Image Translation with Conditional Adversarial
        Networks, section 3.2.2, https://arxiv.org/abs/1611.07004

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = PatchDiscriminator(width=4), jnp.ones((2, 70, 70, 3))
        >>> net.init_with_output(jax.random.key(0), image)[0].shape
        (2, 6, 6, 1)
    """

    width: int = 64
    halvings: int = 3
    normalise: Normalise | None = instance_norm
    use_bias: bool = True
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(width=self.width, halvings=self.halvings)

    @nn.compact
    def __call__(self, image: Array, *conditions: Array, train: bool = False) -> Array:
        """Judge the patches of images.

        Args:
            image: [batch, height, width, channel] float in [-1, 1].
            *conditions: [batch, height, width, channel'] images that it should belong
                to, put in front of its channels.
            train: whether batch statistics, if any, are those of the batch, and move.

        Returns:
            [batch, height', width', 1] logits; a side n becomes n / 2ʰ - 2, rounded
            down.

        Raises:
            ValueError: for images that are too small, or conditions of another size.
        """
        check_images(image, smallest=3 * 2**self.halvings)
        for condition in conditions:
            if condition.shape[:3] != image.shape[:3]:
                raise ValueError(
                    f'a condition has shape {condition.shape} and image {image.shape}, '
                    'wanted one batch, height and width: resize one of them'
                )
        x = jnp.concatenate([*conditions, image], axis=-1)
        last = self.halvings + 1
        for index in range(last + 1):
            between = 0 < index < last
            x = NormalisedConv(
                1 if index == last else self.width * min(2**index, 8),
                stride=2 if index < self.halvings else 1,
                activation=jax.nn.identity if index == last else leaky_relu_fifth,
                normalise=self.normalise if between else None,
                use_bias=self.use_bias or not between or self.normalise is None,
                axis_name=self.axis_name,
                dtype=self.dtype,
                param_dtype=self.param_dtype,
                kernel_init=self.kernel_init,
                name='output' if index == last else f'layer_{index}',
            )(x, train=train)
        return x
