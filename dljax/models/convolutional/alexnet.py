"""AlexNet as torchvision has it: without groups and response normalisation."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
from dljax.layers.images import check_images
from dljax.layers.normalised_conv import NormalisedConv
from dljax.layers.pooling import adaptive_average_pool
from dljax.models.settings import check_settings
from dljax.types import Array

_CONVOLUTIONS = (  # features, kernel, stride, padding, whether a pool follows
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)


class AlexNet(nn.Module):
    """Five convolutions, overlapping maximum pools, two hidden layers with dropout.

    Convolutions of 64, 192, 384, 256 and 256 channels, each before a ReLU; 3x3
    pools of stride 2 behind the first, second and fifth; the average pool to 6x6, which
    makes the head fit images of any size; dropout before either hidden layer. For
    images of 224x224 and a thousand classes 61,100,840 parameters. `AlexNet2012` is the
    network of the first paper.

    Attributes:
        classes: the number of logits, at least 2.
        hidden: the width of the two hidden layers.
        dropout: the probability in [0, 1) with which an input of a hidden layer is
            dropped.
        remat: whether the convolutions are rematerialised in the backward pass, which
            saves the memory of their results.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights. He's, since the paper names none;
            torch's own draws a sixth of its variance.

    Raises:
        ValueError: for a size below its least value or a dropout out of range.

    Reference:
        Krizhevsky (2014), One Weird Trick for Parallelizing Convolutional Neural
        Networks, https://arxiv.org/abs/1404.5997; `torchvision.models.alexnet`, which
        has 256 channels in the fourth convolution, the paper 384.

    Example:
        >>> import jax
        >>> net, image = AlexNet(classes=10), jnp.ones((2, 64, 64, 3))
        >>> init = net.init_with_output  # traced here; call it to get parameters
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0), image)
        >>> print(logits.shape)
        (2, 10)
    """

    classes: int = 1000
    hidden: int = 4096
    dropout: float = 0.5
    remat: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_settings(self.classes, {'dropout': self.dropout}, hidden=self.hidden)

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            image: [batch, height, width, channel] float, of any size from 63x63 on;
                224x224x3 and of zero mean by channel in the paper.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if `image` is no batch of images of at least 63x63.
        """
        check_images(image, smallest=63)
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }

        x = image
        for index in range(len(_CONVOLUTIONS)):
            block = _block(index, types)
            x = (nn.remat(block) if self.remat else block)(self, x)
        x = adaptive_average_pool(x, 6)
        x = x.reshape(x.shape[0], -1)
        for index in range(2):
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
            x = nn.relu(nn.Dense(self.hidden, name=f'hidden_{index}', **types)(x))
        return nn.Dense(self.classes, name='output', **types)(x)


def _block(index: int, types: dict[str, Any]) -> Callable[[nn.Module, Array], Array]:
    """A convolution and the pool behind it, which remat recomputes together."""
    features, k, stride, padding, pooled = _CONVOLUTIONS[index]

    def run(net: nn.Module, x: Array) -> Array:
        x = NormalisedConv(
            features,
            k,
            stride,
            padding=padding,
            normalise=None,
            use_bias=True,
            name=f'conv_{index}',
            **types,
        )(x)
        return max_pool(x, (3, 3), (2, 2)) if pooled else x

    return run
