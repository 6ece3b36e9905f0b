"""Vision transformers: an image as a sequence of patches (U3.9)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    Dense,
    LearnedPositions,
    TransformerBlock,
    TransformerStack,
    check_images,
)
from dljax.layers.dot_product import Implementation
from dljax.models.settings import check_settings, settings_of
from dljax.types import Array


class VisionTransformer(nn.Module):
    """Blocks over the patches of an image, and logits of what a token read of them.

    Each patch is mapped to a vector. A learned token is put in front of them, whose
    state at the end gives the logits; learned vectors of the positions are added, row
    by row. The norm of a block is first. The parameters are in the groups `patches`,
    `token`, `positions`, `encoder` and `output`.

    Attributes:
        patch: side of a patch in pixels, of which `size` is a multiple.
        size: height and width of the images in pixels.
        classes: the number of logits, at least 2.
        width: of a patch's vector, a multiple of `heads`.
        layers: how many blocks, at least 1.
        heads: of each attention.
        hidden: width of the feed-forward nets, at least 1.
        dropout: the probability in [0, 1) with which an element of the embedded
            patches, a hidden unit or an element of what a sub-layer adds is dropped.
        attention_dropout: that of an attention weight.
        activation: of the feed-forward nets; by default GELU itself.
        epsilon: added to the variance in the norms.
        remat: whether the backward pass computes the inside of each block anew.
        implementation: of the attention, see `layers.attend`.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights of the blocks.
        patch_init: that of the weights of the patches.
        output_init: that of the last weights.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Dosovitskiy et al. (2021), An Image Is Worth 16x16 Words: Transformers for Image
        Recognition at Scale, https://arxiv.org/abs/2010.11929

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = VisionTransformer(2, 8, width=8, layers=1, heads=2, hidden=16)
        >>> image = jnp.ones((3, 8, 8, 1))
        >>> variables = net.init(jax.random.key(0), image)
        >>> print(net.apply(variables, image).shape)
        (3, 1000)
    """

    patch: int = 16
    size: int = 224
    classes: int = 1000
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    dropout: float = 0.0
    attention_dropout: float = 0.0
    activation: Callable[[Array], Array] = partial(jax.nn.gelu, approximate=False)
    epsilon: float = 1e-6
    remat: bool = False
    implementation: Implementation = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.glorot_uniform()
    patch_init: Initializer = nn.initializers.lecun_normal()
    output_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        rates = {'dropout': self.dropout, 'attention_dropout': self.attention_dropout}
        check_settings(
            self.classes,
            rates,
            patch=self.patch,
            size=self.size,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            hidden=self.hidden,
        )
        if self.size % self.patch or self.width % self.heads:
            raise ValueError(
                f'size is {self.size} and patch {self.patch}, width {self.width} and '
                f'heads {self.heads}, wanted a size that is a multiple of the patch, '
                'and a width that is one of the heads'
            )

    def setup(self) -> None:
        """Make the layers."""
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.patches = Dense(self.width, kernel_init=self.patch_init, **types)
        self.token = self.param(
            'token', nn.initializers.zeros, (self.width,), self.param_dtype
        )
        places = (self.size // self.patch) ** 2
        self.positions = LearnedPositions(places + 1, **types)
        self.thin = nn.Dropout(self.dropout)
        block = TransformerBlock(
            hidden=self.hidden,
            heads=self.heads,
            norm_first=True,
            activation=self.activation,
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
            hidden_dropout=self.dropout,
            epsilon=self.epsilon,
            implementation=self.implementation,
            kernel_init=self.kernel_init,
            parent=None,
        )
        self.encoder = TransformerStack(block, self.layers, remat=self.remat, **types)
        self.output = nn.Dense(self.classes, kernel_init=self.output_init, **types)

    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            image: [batch, size, size, channel] float, normalised as one likes.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if `image` is no batch of images of that size.
        """
        check_images(image)
        if image.shape[1:3] != (self.size, self.size):
            raise ValueError(
                f'image has shape {image.shape}, wanted a height and width of '
                f'{self.size}: resize the images, or make the net with another size'
            )
        x = self.patches(as_patches(image, self.patch))
        token = self.token.astype(x.dtype)[None, None]
        token = jnp.broadcast_to(token, (x.shape[0], 1, self.width))
        x = self.positions(jnp.concatenate([token, x], axis=1))
        x = self.encoder(self.thin(x, deterministic=not train), train=train)
        return self.output(x[:, 0])


def as_patches(image: Array, patch: int) -> Array:
    """Cut images into patches, row by row, and each patch into numbers.

    Args:
        image: [batch, height, width, channel], whose sides are multiples of the patch.
        patch: its side in pixels.

    Returns:
        [batch, patches, patch * patch * channel].

    Example:
        >>> import jax.numpy as jnp
        >>> print(as_patches(jnp.arange(8).reshape(1, 2, 4, 1), 2)[0])
        [[0 1 4 5]
         [2 3 6 7]]
    """
    batch, height, width, channels = image.shape
    rows, columns = height // patch, width // patch
    cut = image.reshape(batch, rows, patch, columns, patch, channels)
    return jnp.swapaxes(cut, 2, 3).reshape(batch, rows * columns, -1)


@settings_of(VisionTransformer, 'patch')
def vit_b_16(**settings: Any) -> VisionTransformer:
    """Make ViT-B/16: 86,567,656 parameters for 1000 classes.

    Args:
        **settings: the other attributes of `VisionTransformer`.

    Returns:
        The net, with the layers of torchvision.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Dosovitskiy et al. (2021), An Image Is Worth 16x16 Words: Transformers for Image
        Recognition at Scale, https://arxiv.org/abs/2010.11929

    Example:
        >>> vit_b_16(classes=10).patch
        16
    """
    return VisionTransformer(patch=16, **settings)


@settings_of(VisionTransformer, 'patch')
def vit_b_32(**settings: Any) -> VisionTransformer:
    """Make ViT-B/32: 88,224,232 parameters for 1000 classes; else as `vit_b_16`."""
    return VisionTransformer(patch=32, **settings)
