"""LeNet-5 as it was published: 60,000 trainable parameters."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.activations import scaled_tanh
from dljax.layers.conv import Conv
from dljax.layers.euclidean_output import EuclideanOutput
from dljax.layers.images import check_images
from dljax.layers.sparse_convolution import LENET_TABLE, SparseConv
from dljax.layers.subsampling import Subsampling
from dljax.types import Array, Key


def fan_in_uniform(
    key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
) -> Array:
    """Draw weights uniformly from ±2.4 / fan-in, as the paper does."""
    bound = 2.4 / math.prod(shape[:-1])
    return jax.random.uniform(key, shape, dtype, minval=-bound, maxval=bound)


class LeNet1998(nn.Module):
    """LeNet-5 with trainable subsampling, sparse connections and Euclidean outputs.

    Parameters by layer: C1 convolution 156, S2 subsampling 12, C3 convolution by
    table I 1,516, S4 subsampling 32, C5 convolution 48,120, F6 dense 10,164, output
    none. Behind each is 1.7159 tanh(2x/3). Ten classes only, since the output compares
    with drawings of the ten digits.

    Images come in [0, 1] with ink 1, as everywhere in this package, and are brought to
    the paper's range inside: paper -0.1, ink 1.175, which makes the mean about 0 and
    the variance about 1. The subsampling starts as average pooling.

    Attributes:
        dtype: the type of the computation; None takes that of inputs and parameters.
            The distances of the output are computed in float32 in any case.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Reference:
        LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition,
        section II.B, https://doi.org/10.1109/5.726791

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, image = LeNet1998(), jnp.ones((2, 32, 32, 1))
        >>> init = net.init_with_output  # traced here; call it to get parameters
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0), image)
        >>> print(logits.shape)
        (2, 10)
    """

    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    # Linen asks an initialiser for no sharding.
    kernel_init: Initializer = fan_in_uniform  # pyright: ignore[reportAssignmentType]

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            image: [batch, 32, 32, 1] float in [0, 1], ink 1.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, 10] logits, minus the squared distances from the digits' drawings.

        Raises:
            ValueError: if `image` is no batch of images of at least 32x32.
        """
        check_images(image, smallest=32)
        plain: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        types: dict[str, Any] = {**plain, 'kernel_init': self.kernel_init}
        x = image * 1.275 - 0.1
        x = Conv(6, (5, 5), padding='VALID', name='c1', **types)(x)
        x = Subsampling(name='s2', **plain)(scaled_tanh(x))
        x = SparseConv(LENET_TABLE, name='c3', **types)(scaled_tanh(x))
        x = Subsampling(name='s4', **plain)(scaled_tanh(x))
        x = Conv(120, (5, 5), padding='VALID', name='c5', **types)(scaled_tanh(x))
        x = scaled_tanh(x).reshape(x.shape[0], -1)
        x = scaled_tanh(nn.Dense(84, name='f6', **types)(x))
        return EuclideanOutput(dtype=self.dtype, name='output')(x)
