"""Batch normalisation in a form that is fast on a CPU too."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.barrier import barrier
from dljax.types import Array


class BatchNorm(nn.Module):
    r"""Normalise each channel: $y = γ (x - μ) / \sqrt{σ^2 + ε} + β$.

    What `nn.BatchNorm(use_fast_variance=False)` computes, from parameters and averages
    of the same names. A batch is normalised by its own variance, divided by n, in any
    case; the average of the variances is that of the same numbers as in Flax, or, if
    `unbiased`, of those divided by n - 1, as in torch. All of it works on [rows,
    channel]: XLA's CPU backend adds up the rows of a table on all cores, but feature
    maps place by place on one.

    Attributes:
        use_running_average: whether the averages stand for mean and variance.
        momentum: the fraction of an average that a batch leaves as it was.
        epsilon: ε.
        unbiased: whether the variances that are averaged are divided by n - 1 for the n
            places of a channel in the batch, on all devices that share it, as torch
            does it; else by n, as Flax does. It tells in evaluation, where n is small.
        axis_name: of a mapped axis whose devices share the statistics.
        dtype: the type of the result; statistics are float32 at least.
        param_dtype: the type of scale and shift.
        scale_init: initialiser of γ.
        affine: whether there are γ and β; without them the result has mean 0 and
            variance 1, for a layer that scales it by a condition.

    Raises:
        ValueError: in training, for an unbiased variance of one value a channel.

    Reference:
        Ioffe, Szegedy (2015), Batch Normalization: Accelerating Deep Network Training
        by Reducing Internal Covariate Shift, https://arxiv.org/abs/1502.03167

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer = BatchNorm(use_running_average=False)
        >>> y, _ = layer.init_with_output(jax.random.key(0), jnp.array([[1.], [3.]]))
        >>> print(y.round(2).tolist())
        [[-1.0], [1.0]]
    """

    use_running_average: bool
    momentum: float = 0.9
    epsilon: float = 1e-5
    unbiased: bool = False
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    scale_init: Initializer = nn.initializers.ones
    affine: bool = True

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Normalise each channel.

        Args:
            inputs: [batch, ..., channel].

        Returns:
            [batch, ..., channel].
        """
        channels = inputs.shape[-1]
        wide = jnp.promote_types(inputs.dtype, jnp.float32)
        average = self.variable('batch_stats', 'mean', jnp.zeros, (channels,), wide)
        spread = self.variable('batch_stats', 'var', jnp.ones, (channels,), wide)
        scale, shift = self._affine(channels)
        rows = inputs.reshape(-1, channels).astype(wide)
        if self.use_running_average:
            variance = spread.value
            centred = rows - average.value[None]
        else:
            rows = barrier(rows)
            mean = self._shared(rows.mean(0))
            centred = rows - mean[None]
            variance = self._shared((centred**2).mean(0))
            if not self.is_initializing():
                keep = self.momentum
                average.value = keep * average.value + (1 - keep) * mean
                corrected = self._corrected(variance, len(rows))
                spread.value = keep * spread.value + (1 - keep) * corrected
        factor = jax.lax.rsqrt(variance + self.epsilon) * scale
        outputs = barrier(centred * factor[None] + shift[None], ahead=False)
        outputs = outputs.reshape(inputs.shape)
        dtype = self.dtype or jnp.result_type(inputs, scale, shift)
        return outputs.astype(dtype)

    def _affine(self, channels: int) -> tuple[Array, Array]:
        shape, param_dtype = (channels,), self.param_dtype
        if not self.affine:
            return jnp.ones(shape, param_dtype), jnp.zeros(shape, param_dtype)
        scale = self.param('scale', self.scale_init, shape, param_dtype)
        return scale, self.param('bias', nn.initializers.zeros, shape, param_dtype)

    def _corrected(self, variance: Array, count: int) -> Array:
        if not self.unbiased:
            return variance
        if self.axis_name is not None:
            count *= jax.lax.axis_size(self.axis_name)
        if count < 2:
            raise ValueError(
                'the batch holds one value a channel, wanted two or more for an '
                'unbiased variance: give more examples, or unbiased=False'
            )
        return variance * (count / (count - 1))

    def _shared(self, statistic: Array) -> Array:
        if self.axis_name is None or self.is_initializing():
            return statistic
        return jax.lax.pmean(statistic, self.axis_name)
