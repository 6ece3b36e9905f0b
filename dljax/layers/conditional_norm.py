"""Batch normalisation whose scale and shift follow from a condition."""

from typing import Any

import chex
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.batch_norm import BatchNorm
from dljax.layers.normalised_conv import constrained
from dljax.layers.orthogonal import orthogonal
from dljax.types import Array


class ConditionalBatchNorm(nn.Module):
    r"""Normalise each channel, then scale and shift it by what an example is to be.

    $y = (1 + W_γ c) (x - μ) / \sqrt{σ^2 + ε} + W_β c$ with a condition $c$ of each
    example, such as the embedding of its class beside a part of its noise.

    Attributes:
        momentum: the fraction of an average that a batch leaves as it was.
        epsilon: ε.
        spectral: whether to divide both matrices by their spectral norms.
        axis_name: of a mapped axis whose devices share the statistics.
        dtype: the type of the result; statistics are float32 at least.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of both matrices.

    Reference:
        de Vries et al. (2017), Modulating Early Visual Processing by Language,
        https://arxiv.org/abs/1707.00683
        Brock et al. (2019), Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, https://arxiv.org/abs/1809.11096; the condition that is shared.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer = ConditionalBatchNorm()
        >>> maps, condition = jnp.ones((2, 4, 4, 3)), jnp.ones((2, 5))
        >>> made, variables = layer.init_with_output(jax.random.key(0), maps, condition)
        >>> made.shape, variables['params']['scale']['kernel'].shape
        ((2, 4, 4, 3), (5, 3))
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    spectral: bool = False
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = orthogonal()

    @nn.compact
    def __call__(
        self, inputs: Array, condition: Array, *, train: bool = False
    ) -> Array:
        """Normalise each channel.

        Args:
            inputs: [batch, height, width, channel].
            condition: [batch, features].
            train: whether the statistics are those of the batch, and they and the
                spectral norms move.

        Returns:
            [batch, height, width, channel].
        """
        chex.assert_rank([inputs, condition], [4, 2])
        chex.assert_equal(inputs.shape[0], condition.shape[0])
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}

        def project(name: str) -> Array:
            layer = nn.Dense(
                inputs.shape[-1],
                use_bias=False,
                kernel_init=self.kernel_init,
                name=name,
                **types,
            )
            of = constrained(layer, spectral=self.spectral, train=train)(condition)
            return of[:, None, None, :]

        normalised = BatchNorm(
            use_running_average=not train,
            momentum=self.momentum,
            epsilon=self.epsilon,
            axis_name=self.axis_name,
            affine=False,
            name='norm',
            **types,
        )(inputs)
        return normalised * (1 + project('scale')) + project('shift')
