"""GoogLeNet, with the settings of torchvision as its defaults."""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.auxiliary_head import AuxiliaryHead
from dljax.layers.images import check_images
from dljax.layers.inception import Inception
from dljax.layers.local_response_norm import local_response_norm
from dljax.layers.normalisation import Normalise, batch_norm
from dljax.layers.normalised_conv import NormalisedConv
from dljax.layers.pooling import ceil_max_pool, global_average_pool
from dljax.models.settings import check_settings
from dljax.types import Array

_MODULES = {  # table 1 of the paper
    '3a': (64, 96, 128, 16, 32, 32),
    '3b': (128, 128, 192, 32, 96, 64),
    '4a': (192, 96, 208, 16, 48, 64),
    '4b': (160, 112, 224, 24, 64, 64),
    '4c': (128, 128, 256, 24, 64, 64),
    '4d': (112, 144, 288, 32, 64, 64),
    '4e': (256, 160, 320, 32, 128, 128),
    '5a': (256, 160, 320, 32, 128, 128),
    '5b': (384, 192, 384, 48, 128, 128),
}
_AUXILIARY = {'4a': 'aux1', '4d': 'aux2'}  # the modules that a head looks at
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_normalise = functools.partial(batch_norm, epsilon=1e-3)
# The paper names no constants; these are of its replication for Caffe, which averages
# the squares over its window of 5 channels.
_as_caffe = functools.partial(local_response_norm, k=1.0, alpha=1e-4 / 5)


class GoogLeNet(nn.Module):
    """Nine inception modules, and two auxiliary heads on the way.

    A 7x7 convolution of stride 2, a pool, a 1x1 and a 3x3 convolution, a pool, nine
    inception modules with two pools between, the average over all places, dropout,
    logits. Maximum pools take in a last window that reaches over the edge. The
    defaults are those of torchvision: batch norm with an epsilon of 1e-3, 3x3 kernels
    where the paper has 5x5, 6,624,904 parameters, with auxiliary heads 13,004,888.
    `googlenet_2014` is the network of the paper.

    Auxiliary heads see the third and the sixth module (4a, 4d), and push gradient
    into the lower layers. `__call__` leaves them out but at initialisation, so that
    every state holds them; `with_auxiliaries` gives their logits.

    Attributes:
        classes: the number of logits, at least 2.
        width: w, channels of the first convolution; all other layers have w / 64 of the
            paper's, rounded down.
        dropout: the probability in [0, 1) with which an input of the output is dropped.
        auxiliary_dropout: that of the hidden units of the auxiliary heads.
        auxiliary: whether there are auxiliary heads.
        transform_input: whether images normalised by the mean and standard deviation of
            each channel over ImageNet are brought to [-1, 1] first, as the weights that
            torchvision took over from TensorFlow want them.
        kernel_size: of the third branch of each module.
        last_window: of the last maximum pool.
        adaptive: whether an auxiliary head averages over 4x4 windows that cover the
            feature map, whatever its size; else over 5x5 windows in steps of 3, as the
            paper.
        response_norm: whether local response normalisation stands behind the first pool
            and before the second.
        normalise: what stands between a convolution and its ReLU; None for
            nothing, and biases instead.
        remat: whether each module is rematerialised in the backward pass, which saves
            the memory of what is inside.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        bias_init: initialiser of the biases of convolutions and hidden layers.

    Raises:
        ValueError: for fewer than two classes, a size below 1 or a dropout out of
            range.

    Reference:
        Szegedy et al. (2015), Going Deeper with Convolutions,
        https://arxiv.org/abs/1409.4842; `torchvision.models.googlenet`.

    Example:
        >>> import jax
        >>> net, image = GoogLeNet(classes=10), jnp.ones((2, 32, 32, 3))
        >>> init = net.init_with_output  # traced here; call it to get parameters
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0), image)
        >>> print(logits.shape)
        (2, 10)
    """

    classes: int = 1000
    width: int = 64
    dropout: float = 0.2
    auxiliary_dropout: float = 0.7
    auxiliary: bool = False
    transform_input: bool = False
    kernel_size: int = 3
    last_window: int = 2
    adaptive: bool = True
    response_norm: bool = False
    normalise: Normalise | None = _normalise
    remat: bool = False
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.01)
    bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        rates = {'dropout': self.dropout, 'auxiliary_dropout': self.auxiliary_dropout}
        sizes = {'width': self.width, 'last_window': self.last_window}
        check_settings(self.classes, rates, kernel_size=self.kernel_size, **sizes)

    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits of the main head.

        Args:
            image: [batch, height, width, channel] float, of any size from 15x15 on
                (79x79 with auxiliary heads that are not adaptive); 224x224x3 in the
                paper.
            train: whether dropout acts, drawing from the stream 'dropout', and batch
                statistics are those of the batch and move.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if `image` is no batch of images of that size, or
                `transform_input` is set and it has not three channels.
        """
        heads = self.auxiliary and self.is_initializing()
        return self._compute(image, train, heads)[0]

    def with_auxiliaries(
        self, image: Array, *, train: bool = False
    ) -> tuple[Array, tuple[Array, Array]]:
        """Compute the logits of all three heads.

        Args:
            image: as of `__call__`.
            train: as of `__call__`.

        Returns:
            [batch, classes] logits of the main head, and those of the lower and the
            upper auxiliary head.

        Raises:
            ValueError: as of `__call__`, or if there are no auxiliary heads.
        """
        if not self.auxiliary:
            raise ValueError(
                'this GoogLeNet has no auxiliary heads: make it with auxiliary=True'
            )
        logits, heads = self._compute(image, train, True)
        return logits, (heads['aux1'], heads['aux2'])

    @nn.compact
    def _compute(
        self, image: Array, train: bool, heads: bool
    ) -> tuple[Array, dict[str, Array]]:
        wide = self.auxiliary and not self.adaptive
        check_images(image, smallest=79 if wide else 15)
        shared: dict[str, Any] = {
            'normalise': self.normalise,
            'axis_name': self.axis_name,
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
            'bias_init': self.bias_init,
        }
        bias = self.normalise is None
        stem = functools.partial(NormalisedConv, use_bias=bias, **shared)
        norm = _as_caffe if self.response_norm else lambda x: x
        x = _transformed(image) if self.transform_input else image
        x = stem(self.width, kernel_size=7, stride=2, name='conv1')(x, train=train)
        x = norm(ceil_max_pool(x))
        x = stem(self.width, kernel_size=1, stride=1, name='conv2')(x, train=train)
        x = stem(3 * self.width, kernel_size=3, stride=1, name='conv3')(x, train=train)
        x = ceil_max_pool(norm(x))
        seen = {}
        for name in _MODULES:
            if name == '4a':
                x = ceil_max_pool(x)
            if name == '5a':
                x = ceil_max_pool(x, self.last_window)
            module = _module(name, train, shared)
            x = (nn.remat(module) if self.remat else module)(self, x)
            if heads and name in _AUXILIARY:
                head = AuxiliaryHead(
                    self.classes,
                    2 * self.width,
                    16 * self.width,
                    dropout=self.auxiliary_dropout,
                    adaptive=self.adaptive,
                    name=_AUXILIARY[name],
                    **shared,
                )
                seen[_AUXILIARY[name]] = head(x, train=train)
        x = global_average_pool(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        output = nn.Dense(
            self.classes,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=self.kernel_init,
            name='output',
        )
        return output(x), seen


def _module(
    name: str, train: bool, shared: dict[str, Any]
) -> Callable[[GoogLeNet, Array], Array]:
    def run(net: GoogLeNet, x: Array) -> Array:
        one, into_3, three, into_5, five, pooled = (
            max(1, net.width * size // 64) for size in _MODULES[name]
        )
        sizes = (one, into_3, three, into_5, five, pooled)
        layer = Inception(sizes, net.kernel_size, name=f'inception{name}', **shared)
        return layer(x, train=train)

    return run


def _transformed(image: Array) -> Array:
    """Bring images normalised over ImageNet to [-1, 1]."""
    if image.shape[-1] != 3:
        raise ValueError(
            f'image has shape {image.shape}, wanted 3 channels for transform_input: '
            'repeat a grey channel, or leave transform_input out'
        )
    mean, deviation = np.array(_MEAN), np.array(_DEVIATION)
    scale, offset = deviation / 0.5, (mean - 0.5) / 0.5
    x = image * jnp.asarray(scale, image.dtype)[None, None, None, :]
    return x + jnp.asarray(offset, image.dtype)[None, None, None, :]
