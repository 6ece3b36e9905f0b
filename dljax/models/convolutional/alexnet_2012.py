"""AlexNet as it was published: in two halves, with response normalisation."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
from dljax.layers.dropout import OriginalDropout
from dljax.layers.images import check_images
from dljax.layers.local_response_norm import local_response_norm
from dljax.layers.normalised_conv import NormalisedConv
from dljax.models.settings import check_settings
from dljax.types import Array

_CONVOLUTIONS = (  # features, kernel, whether parted into groups, normalised, pooled
    (96, 11, False, True, True),
    (256, 5, True, True, True),
    (384, 3, False, False, False),
    (384, 3, True, False, False),
    (256, 3, True, False, True),
)
_BIAS_OF_ONE = (1, 3, 4)


class AlexNet2012(nn.Module):
    """AlexNet of the paper: 60,965,224 parameters for images of 227x227.

    Convolutions of 96, 256, 384, 384 and 256 channels, each before a ReLU, the
    second, fourth and fifth in two groups, which ran on two devices in 2012; local
    response normalisation behind the first two; 3x3 maximum pools of stride 2 behind
    the first, second and fifth; two hidden layers, whose units are dropped in training
    and halved afterwards. With `groups=1`, 62,378,344 parameters.

    The paper speaks of images of 224x224, of which a kernel of 11 and a stride of 4 do
    not make the 55x55 places of its first layer: 227x227 do, and 224x224 with a
    `padding` of 2.

    Attributes:
        classes: the number of logits, at least 2.
        hidden: the width of the two hidden layers.
        groups: of the second, fourth and fifth convolution, a divisor of 128.
        padding: of the first convolution.
        dropout: the probability in [0, 1) with which a hidden unit is dropped.
        remat: whether the convolutions are rematerialised in the backward pass, which
            saves the memory of their results.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights, N(0, 0.01²) in the paper. Biases start
            at 1 in the second, fourth and fifth convolution and the hidden layers,
            which gives the ReLUs something to pass on, else at 0.

    Raises:
        ValueError: for a size below its least value, groups that do not divide the
            channels, or a dropout out of range.

    Reference:
        Krizhevsky et al. (2012), ImageNet Classification with Deep Convolutional Neural
        Networks,
        https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks

    Example:
        >>> import jax
        >>> net, image = AlexNet2012(classes=10), jnp.ones((2, 67, 67, 3))
        >>> init = net.init_with_output  # traced here; call it to get parameters
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0), image)
        >>> print(logits.shape)
        (2, 10)
    """

    classes: int = 1000
    hidden: int = 4096
    groups: int = 2
    padding: int = 0
    dropout: float = 0.5
    remat: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.01)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        rates = {'dropout': self.dropout}
        check_settings(self.classes, rates, hidden=self.hidden, groups=self.groups)
        if 128 % self.groups:
            raise ValueError(
                f'groups is {self.groups}, wanted a divisor of 128, such as the 2 of '
                'the paper, or 1'
            )
        if not 0 <= self.padding <= 10:
            raise ValueError(
                f'padding is {self.padding}, wanted 0 for images of 227x227 or 2 for '
                '224x224, and less than the kernel of 11'
            )

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            image: [batch, height, width, channel] float, 227x227x3 and of zero mean by
                pixel in the paper. Any size from 67x67 on (63x63 with a padding of 2);
                the number of weights of the first hidden layer depends on it.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if `image` is no batch of images of that size.
        """
        check_images(image, smallest=67 - 2 * self.padding)
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = image
        for index in range(len(_CONVOLUTIONS)):
            block = _block(index, types)
            x = (nn.remat(block) if self.remat else block)(self, x)
        x = x.reshape(x.shape[0], -1)
        types['bias_init'] = nn.initializers.ones
        for index in range(2):
            x = nn.relu(nn.Dense(self.hidden, name=f'hidden_{index}', **types)(x))
            x = OriginalDropout(keep=1 - self.dropout)(x, train=train)
        types['bias_init'] = nn.initializers.zeros
        return nn.Dense(self.classes, name='output', **types)(x)


def _block(index: int, types: dict[str, Any]) -> Callable[[AlexNet2012, Array], Array]:
    """A convolution and what stands between it and the next."""
    features, kernel, parted, normalised, pooled = _CONVOLUTIONS[index]
    ones, zeros = nn.initializers.ones, nn.initializers.zeros

    def run(net: AlexNet2012, x: Array) -> Array:
        x = NormalisedConv(
            features,
            kernel,
            stride=1 if index else 4,
            padding=None if index else net.padding,
            groups=net.groups if parted else 1,
            normalise=None,
            use_bias=True,
            bias_init=ones if index in _BIAS_OF_ONE else zeros,
            name=f'conv_{index}',
            **types,
        )(x)
        x = local_response_norm(x) if normalised else x
        return max_pool(x, (3, 3), (2, 2)) if pooled else x

    return run
