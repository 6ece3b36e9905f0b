"""Convolution in which each output feature map sees only some of the input maps."""

import itertools

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.convolve import convolve
from dljax.types import Array, Key

# Table I of the paper, by output map: six maps see three contiguous input maps, six see
# four contiguous ones, three see four that are not, and the last sees all.
LENET_TABLE = (
    *(tuple(sorted((i + j) % 6 for j in range(3))) for i in range(6)),
    *(tuple(sorted((i + j) % 6 for j in range(4))) for i in range(6)),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)


class SparseConv(nn.Module):
    """Convolution by a table of connections, with parameters for those only.

    A connection that is not in the table has no weight: `kernel` is
    [height, width, connections], in the order of the table. The kernels are spread
    over a dense one in which the others are 0, since one dense convolution is faster
    than sixteen narrow ones.

    Attributes:
        table: for each output feature map the input maps that it sees.
        kernel_size: height and width.
        padding: as of `nn.Conv`.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser, called with [height, width, seen maps, 1] for each
            output map, so that it knows the fan-in.
        bias_init: initialiser of the biases.

    Raises:
        ValueError: if an output map sees nothing, or sees a map twice.

    Reference:
        LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition,
        table I, https://doi.org/10.1109/5.726791

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer = SparseConv(table=((0,), (0, 1)), kernel_size=(3, 3))
        >>> variables = layer.init(jax.random.key(0), jnp.ones((1, 5, 5, 2)))
        >>> print(variables['params']['kernel'].shape)
        (3, 3, 3)
    """

    table: tuple[tuple[int, ...], ...] = LENET_TABLE
    kernel_size: tuple[int, int] = (5, 5)
    padding: str = 'VALID'
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()
    bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        for index, seen in enumerate(self.table):
            if not seen or len(set(seen)) < len(seen) or min(seen) < 0:
                raise ValueError(
                    f'output map {index} sees the input maps {seen}, wanted at least '
                    'one, each once, counted from 0'
                )

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Convolve.

        Args:
            inputs: [batch, height, width, maps] float.

        Returns:
            [batch, height', width', len(table)].

        Raises:
            ValueError: if the table names a map that is not there.
        """
        maps = inputs.shape[-1]
        largest = max(itertools.chain(*self.table))
        if largest >= maps:
            raise ValueError(
                f'the table names the input map {largest}, but there are {maps}, '
                'counted from 0: give the layer before more features'
            )
        kernel = self.param('kernel', self._init_kernel)
        bias = self.param('bias', self.bias_init, (len(self.table),), self.param_dtype)
        inputs, kernel, bias = promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        sources = jnp.array(list(itertools.chain(*self.table)))
        sinks = jnp.array([i for i, seen in enumerate(self.table) for _ in seen])
        dense = jnp.zeros((*self.kernel_size, maps, len(self.table)), kernel.dtype)
        dense = dense.at[:, :, sources, sinks].set(kernel)
        outputs = convolve(inputs, dense, (1, 1), self.padding)
        return outputs + bias.reshape(1, 1, 1, -1)

    def _init_kernel(self, key: Key) -> Array:
        keys = jax.random.split(key, len(self.table))
        parts = [
            self.kernel_init(k, (*self.kernel_size, len(seen), 1), self.param_dtype)
            for k, seen in zip(keys, self.table, strict=True)
        ]
        return jnp.concatenate(parts, axis=2)[..., 0]
