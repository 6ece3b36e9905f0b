"""The convolutional network of the usual first tutorial on digits (U2.3)."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
from dljax.layers.checks import check_fractions
from dljax.layers.conv import Conv
from dljax.layers.images import check_images
from dljax.types import Array


class TutorialCNN(nn.Module):
    """Two wide convolutions, one wide dense layer, dropout.

    Convolution 5x5x14, max 2x2, convolution 5x5x36, max 2x2, both convolutions padded
    to keep the size; the 1,764 values of a 28x28 image go through a dense layer of as
    many units, dropout and the output: 3,144,110 parameters, 99 % of them in that
    layer.

    Attributes:
        classes: the number of logits, at least 2.
        features: the channels of the two convolutions.
        kernel_size: height and width of their kernels, at least 1.
        hidden: the width of the dense layer.
        dropout: the probability in [0, 1) with which a hidden unit is dropped.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a size below its least value or a dropout out of range.

    Reference:
        Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from
        Overfitting, https://jmlr.org/papers/v15/srivastava14a.html; the layers are row
        U2.3 of the course.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = TutorialCNN(hidden=32), jnp.ones((2, 28, 28, 1))
        >>> init = net.init_with_output  # traced here; call it to get parameters
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0), image)
        >>> print(logits.shape)
        (2, 10)
    """

    classes: int = 10
    features: tuple[int, int] = (14, 36)
    kernel_size: tuple[int, int] = (5, 5)
    hidden: int = 1764
    dropout: float = 0.4
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.classes < 2:
            raise ValueError(f'classes is {self.classes}, wanted at least 2')
        sizes = *self.features, *self.kernel_size, self.hidden
        pairs = len(self.features) == len(self.kernel_size) == 2
        if not pairs or min(sizes) < 1:
            raise ValueError(
                f'features are {self.features}, kernel_size is {self.kernel_size} and '
                f'hidden is {self.hidden}, wanted two numbers of channels, a height '
                'and a width, and a number of units, all at least 1'
            )
        check_fractions(dropout=self.dropout)

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            image: [batch, height, width, channel] float in [0, 1], 28x28x1 in the
                tutorial.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if `image` is no batch of images of at least 4x4.
        """
        check_images(image, smallest=4)
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = image
        for index, features in enumerate(self.features):
            x = Conv(features, self.kernel_size, name=f'conv_{index}', **types)(x)
            x = max_pool(nn.relu(x), (2, 2), strides=(2, 2))
        x = x.reshape(x.shape[0], -1)
        x = nn.relu(nn.Dense(self.hidden, name='hidden', **types)(x))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, name='output', **types)(x)
