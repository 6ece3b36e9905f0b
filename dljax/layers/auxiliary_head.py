"""A small classifier that looks at feature maps half way up a deep net."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.normalisation import Normalise, batch_norm
from dljax.layers.normalised_conv import NormalisedConv
from dljax.layers.pooling import adaptive_average_pool
from dljax.types import Array


class AuxiliaryHead(nn.Module):
    """Average pool, 1x1 convolution, hidden layer, dropout, logits.

    It is trained along with the main head and pushes gradient into the lower layers;
    for evaluation it is left out.

    Attributes:
        classes: the number of logits.
        features: channels of the convolution.
        hidden: the width of the hidden layer.
        dropout: the probability in [0, 1) with which a hidden unit is dropped.
        adaptive: whether it averages over 4x4 windows that cover the feature map,
            whatever its size, as in torchvision; else over 5x5 windows in steps of 3,
            as the paper, of which a map of 14x14 makes 4x4 as well.
        normalise: such as `batch_norm`; None for none, and biases instead.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        bias_init: initialiser of the biases of the convolution and the hidden layer.

    Reference:
        Szegedy et al. (2015), Going Deeper with Convolutions, section 5,
        https://arxiv.org/abs/1409.4842

    Example:
        >>> import jax
        >>> layer, maps = AuxiliaryHead(classes=10), jnp.ones((2, 14, 14, 512))
        >>> jax.eval_shape(layer.init_with_output, jax.random.key(0), maps)[0].shape
        (2, 10)
    """

    classes: int
    features: int = 128
    hidden: int = 1024
    dropout: float = 0.7
    adaptive: bool = True
    normalise: Normalise | None = batch_norm
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()
    bias_init: Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            inputs: [batch, height, width, channel], of at least 5x5 places if the
                windows are not adaptive.
            train: whether dropout acts, drawing from the stream 'dropout', and batch
                statistics are those of the batch and move.

        Returns:
            [batch, classes] logits.
        """
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        if self.adaptive:
            x = adaptive_average_pool(inputs, 4)
        else:
            x = nn.avg_pool(inputs, (5, 5), (3, 3))
        x = NormalisedConv(
            self.features,
            kernel_size=1,
            stride=1,
            normalise=self.normalise,
            use_bias=self.normalise is None,
            axis_name=self.axis_name,
            bias_init=self.bias_init,
            name='conv',
            **types,
        )(x, train=train)
        x = x.reshape(x.shape[0], -1)
        hidden = nn.Dense(self.hidden, bias_init=self.bias_init, name='hidden', **types)
        x = nn.relu(hidden(x))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, name='output', **types)(x)
