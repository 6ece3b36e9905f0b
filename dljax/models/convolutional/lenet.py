"""LeNet-5 as it is built today."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
from dljax.layers.activations import Activation, activate
from dljax.layers.conv import Conv
from dljax.layers.images import check_images
from dljax.types import Array


class LeNet5(nn.Module):
    """LeNet-5 with dense convolutions, ReLUs, maximum pooling and a linear output.

    Convolution 5x5x6, pool, convolution 5x5x16, pool, dense 120, dense 84, logits:
    61,706 parameters for ten classes. `LeNet1998` is the network of the paper, with
    trainable subsampling, sparse connections and Euclidean outputs.

    Attributes:
        classes: the number of logits, at least 2.
        padding: of the first convolution: 'VALID' for images of 32x32, 'SAME' for
            28x28, which gives the same parameters.
        activation: of every layer but the last.
        pool: halves height and width; `nn.avg_pool` is nearer to the paper.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for fewer than two classes or an unknown padding.

    Reference:
        LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition,
        https://doi.org/10.1109/5.726791

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = LeNet5(classes=10), jnp.ones((2, 32, 32, 1))
        >>> init = net.init_with_output  # traced here; call it to get parameters
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0), image)
        >>> print(logits.shape)
        (2, 10)
    """

    classes: int = 10
    padding: str = 'VALID'
    activation: Activation = jax.nn.relu
    pool: Callable[..., Array] = max_pool
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.classes < 2:
            raise ValueError(f'classes is {self.classes}, wanted at least 2')
        if self.padding not in ('VALID', 'SAME'):
            raise ValueError(
                f"padding is {self.padding!r}, wanted 'VALID' for images of 32x32 or "
                "'SAME' for 28x28"
            )

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            image: [batch, height, width, channel] float in [0, 1], 32x32x1 in the
                paper.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if `image` is no batch of images of at least 16x16.
        """
        check_images(image, smallest=16)
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = Conv(6, (5, 5), padding=self.padding, name='conv_0', **types)(image)
        x = self.pool(activate(self.activation, x), (2, 2), strides=(2, 2))
        x = Conv(16, (5, 5), padding='VALID', name='conv_1', **types)(x)
        x = self.pool(activate(self.activation, x), (2, 2), strides=(2, 2))
        x = x.reshape(x.shape[0], -1)
        x = activate(self.activation, nn.Dense(120, name='hidden_0', **types)(x))
        x = activate(self.activation, nn.Dense(84, name='hidden_1', **types)(x))
        return nn.Dense(self.classes, name='output', **types)(x)
