"""The VGG networks with and without batch normalisation."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
from dljax.layers.images import check_images
from dljax.layers.normalisation import Normalise, batch_norm
from dljax.layers.normalised_conv import NormalisedConv
from dljax.layers.pooling import adaptive_average_pool
from dljax.models.settings import check_settings, settings_of
from dljax.types import Array


class VGG(nn.Module):
    """Five stages of 3x3 convolutions, a maximum pool behind each; two hidden layers.

    Stage s, from 0 on, has `stages[s]` convolutions of width · min(2^s, 8) channels,
    each before a ReLU. An average pool to 7x7 makes the head fit images of any
    size: one of 32x32 gives a single place, which it repeats 49 times. Dropout stands
    behind either hidden layer. `vgg11` to `vgg19` are configurations A, B, D and E of
    the paper.

    Attributes:
        classes: the number of logits, at least 2.
        stages: convolutions of each of the five stages.
        width: channels of the first stage.
        hidden: the width of the two hidden layers.
        pooled: height and width that the head sees; 1 for small images.
        dropout: the probability in [0, 1) with which a hidden unit is dropped.
        normalise: what stands between a convolution and its ReLU; None for
            nothing. The convolutions keep their biases in any case, as in torchvision.
        remat: whether each stage is rematerialised in the backward pass, which saves
            the memory of what is inside.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the convolutions; He's with the fan-out, as in
            torchvision, since the paper began deep nets with a shallower one's weights.
        dense_init: initialiser of the hidden layers and the output, N(0, 0.01²) in the
            paper.

    Raises:
        ValueError: for other than five stages, a size below 1 or a dropout out of
            range.

    Reference:
        Simonyan, Zisserman (2015), Very Deep Convolutional Networks for Large-Scale
        Image Recognition, https://arxiv.org/abs/1409.1556; `torchvision.models.vgg16`.

    Example:
        >>> import jax
        >>> net = VGG(classes=10, width=8, hidden=32, pooled=1)
        >>> init = net.init_with_output  # traced here; call it to get parameters
        >>> image = jnp.ones((2, 32, 32, 3))
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0), image)
        >>> print(logits.shape, list(variables['params'])[:3])
        (2, 10) ['conv1_1', 'conv2_1', 'conv3_1']
    """

    classes: int = 1000
    stages: tuple[int, ...] = (1, 1, 2, 2, 2)
    width: int = 64
    hidden: int = 4096
    pooled: int = 7
    dropout: float = 0.5
    normalise: Normalise | None = None
    remat: bool = False
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.variance_scaling(2, 'fan_out', 'normal')
    dense_init: Initializer = nn.initializers.normal(0.01)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if len(self.stages) != 5 or min(self.stages) < 1:
            raise ValueError(
                f'stages is {self.stages}, wanted five numbers of convolutions of at '
                'least 1, such as (2, 2, 3, 3, 3) of VGG-16'
            )
        check_settings(
            self.classes,
            {'dropout': self.dropout},
            width=self.width,
            hidden=self.hidden,
            pooled=self.pooled,
        )

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            image: [batch, height, width, channel] float, of any size from 32x32 on;
                224x224x3 and of zero mean by channel in the paper.
            train: whether dropout acts, drawing from the stream 'dropout', and batch
                statistics are those of the batch and move.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if `image` is no batch of images of at least 32x32.
        """
        check_images(image, smallest=32)
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        x = image
        for index in range(len(self.stages)):
            stage = _stage(index, train, types)
            x = (nn.remat(stage) if self.remat else stage)(self, x)
        x = adaptive_average_pool(x, self.pooled)
        x = x.reshape(x.shape[0], -1)
        types['kernel_init'] = self.dense_init
        for index in range(2):
            x = nn.relu(nn.Dense(self.hidden, name=f'hidden_{index}', **types)(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, name='output', **types)(x)


def _stage(
    index: int, train: bool, types: dict[str, Any]
) -> Callable[[VGG, Array], Array]:
    """Some convolutions and the pool behind them."""

    def run(net: VGG, x: Array) -> Array:
        for layer in range(net.stages[index]):
            x = NormalisedConv(
                net.width * min(2**index, 8),
                kernel_size=3,
                stride=1,
                normalise=net.normalise,
                use_bias=True,
                axis_name=net.axis_name,
                kernel_init=net.kernel_init,
                name=f'conv{index + 1}_{layer + 1}',
                **types,
            )(x, train=train)
        return max_pool(x, (2, 2), (2, 2))

    return run


@settings_of(VGG, 'stages', 'normalise')
def vgg11(**settings: Any) -> VGG:
    """Make configuration A, 132,863,336 parameters; settings as of `VGG`."""
    return VGG(stages=(1, 1, 2, 2, 2), **settings)


@settings_of(VGG, 'stages', 'normalise')
def vgg13(**settings: Any) -> VGG:
    """Make configuration B, 133,047,848 parameters; settings as of `VGG`."""
    return VGG(stages=(2, 2, 2, 2, 2), **settings)


@settings_of(VGG, 'stages', 'normalise')
def vgg16(**settings: Any) -> VGG:
    """Make configuration D, 138,357,544 parameters; settings as of `VGG`."""
    return VGG(stages=(2, 2, 3, 3, 3), **settings)


@settings_of(VGG, 'stages', 'normalise')
def vgg19(**settings: Any) -> VGG:
    """Make configuration E, 143,667,240 parameters; settings as of `VGG`."""
    return VGG(stages=(2, 2, 4, 4, 4), **settings)


@settings_of(VGG, 'stages', 'normalise')
def vgg11_bn(**settings: Any) -> VGG:
    """Make `vgg11` with batch norm, 132,868,840 parameters."""
    return vgg11(normalise=batch_norm, **settings)


@settings_of(VGG, 'stages', 'normalise')
def vgg13_bn(**settings: Any) -> VGG:
    """Make `vgg13` with batch norm, 133,053,736 parameters."""
    return vgg13(normalise=batch_norm, **settings)


@settings_of(VGG, 'stages', 'normalise')
def vgg16_bn(**settings: Any) -> VGG:
    """Make `vgg16` with batch norm, 138,365,992 parameters."""
    return vgg16(normalise=batch_norm, **settings)


@settings_of(VGG, 'stages', 'normalise')
def vgg19_bn(**settings: Any) -> VGG:
    """Make `vgg19` with batch norm, 143,678,248 parameters."""
    return vgg19(normalise=batch_norm, **settings)
