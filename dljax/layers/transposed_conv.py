"""The transposed convolution, which is fast on a CPU as well."""

import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.convolve import convolve_transposed
from dljax.types import Array


class TransposedConv(nn.Module):
    """A square transposed convolution: what `nn.ConvTranspose` computes.

    It is computed as the gradient of the convolution which it is the transpose of,
    and not by convolving stretched feature maps, most of whose places are zeros.

    Attributes:
        features: channels of the result.
        kernel_size: k, side of the kernel.
        stride: by which the sides grow.
        padding: places added before and after the stretched maps, along both sides.
        use_bias: whether a bias is added.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        bias_init: initialiser of the biases.

    Raises:
        ValueError: for features, kernel_size or stride below 1.

    Reference:
        Dumoulin, Visin (2016), A Guide to Convolution Arithmetic for Deep Learning,
        https://arxiv.org/abs/1603.07285

    Example:
        >>> import jax, jax.numpy as jnp
        >>> maps = jnp.ones((1, 3, 3, 2))
        >>> TransposedConv(5).init_with_output(jax.random.key(0), maps)[0].shape
        (1, 6, 6, 5)
    """

    features: int
    kernel_size: int = 4
    stride: int = 2
    padding: tuple[int, int] = (2, 2)
    use_bias: bool = True
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()
    bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if min(self.features, self.kernel_size, self.stride) < 1:
            raise ValueError(
                f'features is {self.features}, kernel_size {self.kernel_size} and '
                f'stride {self.stride}, wanted at least 1 of each'
            )

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Turn feature maps into larger ones.

        A side of n becomes (n - 1) · stride + 1 + the padding - k + 1.

        Args:
            inputs: [batch, height, width, channel].

        Returns:
            [batch, height', width', features].
        """
        shape = (self.kernel_size, self.kernel_size, inputs.shape[-1], self.features)
        kernel = self.param('kernel', self.kernel_init, shape, self.param_dtype)
        bias = None
        if self.use_bias:
            shape = (self.features,)
            bias = self.param('bias', self.bias_init, shape, self.param_dtype)
        inputs, kernel, bias = promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        # The transpose of the convolution whose kernel is this one turned round.
        k, s, padding = self.kernel_size, self.stride, self.padding
        sides = [(n - 1) * s + 2 + sum(padding) - k for n in inputs.shape[1:3]]
        edges = (k - 1 - padding[0], k - 1 - padding[1])
        turned = kernel[::-1, ::-1].swapaxes(2, 3)
        size = (sides[0], sides[1])
        x = convolve_transposed(inputs, turned, size, (s, s), (edges, edges))
        return x if bias is None else x + bias[None, None, None, :]
