"""Normalisation that a net can be given as a setting.

A `Normalise` is called in a net's `__call__` and adds its layer there, so that the net
decides upon its name, its types and the flag `train`.
"""

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.batch_norm import BatchNorm
from dljax.types import Array

Normalise = Callable[..., Array]


def batch_norm(
    inputs: Array,
    *,
    train: bool,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    unbiased: bool = False,
    scale_init: Initializer = nn.initializers.ones,
    axis_name: str | None = None,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
    name: str | None = None,
) -> Array:
    """Normalise each channel over the batch, with the constants of torch.

    Its ε, its momentum (1 - 0.9 there) and, if `unbiased`, its running variance; else
    that is Flax's, smaller by a factor of (n - 1) / n for n places in the batch.

    Args:
        inputs: [batch, ..., channel].
        train: whether to use the statistics of the batch and move their averages; else
            the averages are used.
        epsilon: added to the variance; a net of another constant is given
            `functools.partial(batch_norm, epsilon=1e-3)`.
        momentum: the fraction of an average that a batch leaves as it was.
        unbiased: whether the running variance averages variances divided by n - 1, as
            torch's; a net is given `functools.partial(batch_norm, unbiased=True)`.
        scale_init: initialiser of the scale.
        axis_name: of a mapped axis whose devices share the statistics.
        dtype: the type of the result; statistics are float32 at least.
        param_dtype: the type of scale and shift.
        name: of the layer.

    Returns:
        The shape of the inputs.

    Reference:
        Ioffe, Szegedy (2015), Batch Normalization: Accelerating Deep Network Training
        by Reducing Internal Covariate Shift, https://arxiv.org/abs/1502.03167

    Example:
        >>> import jax, jax.numpy as jnp
        >>> class Net(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x, *, train=False):
        ...         return batch_norm(x, train=train)
        >>> x = jnp.array([[1.], [3.]])
        >>> variables = Net().init(jax.random.key(0), x)
        >>> y, _ = Net().apply(variables, x, train=True, mutable='batch_stats')
        >>> print(y.round(2).tolist())
        [[-1.0], [1.0]]
    """
    return BatchNorm(
        use_running_average=not train,
        momentum=momentum,
        epsilon=epsilon,
        unbiased=unbiased,
        scale_init=scale_init,
        axis_name=axis_name,
        dtype=dtype,
        param_dtype=param_dtype,
        name=name,
    )(inputs)


def layer_norm(
    inputs: Array,
    *,
    train: bool = False,
    axis_name: str | None = None,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
    name: str | None = None,
) -> Array:
    """Normalise each example over all its places and channels; scale each channel.

    It ties no two examples together, as a gradient penalty wants it.

    Args:
        inputs: [batch, ..., channel].
        train: not used, there are no averages.
        axis_name: not used, examples are normalised by themselves.
        dtype: the type of the result; statistics are float32 at least.
        param_dtype: the type of scale and shift.
        name: of the layer.

    Returns:
        The shape of the inputs.

    Reference:
        Ba et al. (2016), Layer Normalization, https://arxiv.org/abs/1607.06450

    Example:
        >>> import jax, jax.numpy as jnp
        >>> class Net(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         return layer_norm(x)
        >>> x = jnp.array([[1., 3.], [0., 8.]])
        >>> print(Net().init_with_output(jax.random.key(0), x)[0].round(2).tolist())
        [[-1.0, 1.0], [-1.0, 1.0]]
    """
    del train, axis_name
    return nn.LayerNorm(
        epsilon=1e-5,
        use_fast_variance=False,  # whose E x² - (E x)² is rounding far from 0
        dtype=dtype,
        param_dtype=param_dtype,
        reduction_axes=tuple(range(1, inputs.ndim)),
        feature_axes=-1,
        name=name,
    )(inputs)
