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
from dljax.layers.instance_norm import InstanceNorm
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


def instance_norm(
    inputs: Array,
    *,
    train: bool = False,
    scaled: bool = False,
    epsilon: float = 1e-5,
    scale_init: Initializer = nn.initializers.ones,
    axis_name: str | None = None,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
    name: str | None = None,
) -> Array:
    r"""Normalise each channel of each example over its places (U2.6).

    $y = (x - μ) / \sqrt{σ^2 + ε}$, and by default no more, as torch's `InstanceNorm2d`:
    the contrast of an image goes, what is drawn stays. A bias in front of it has no
    effect, and maps of one place become 0.

    Args:
        inputs: [batch, ..., channel].
        train: not used, there are no averages.
        scaled: whether each channel is scaled and shifted by learned numbers.
        epsilon: added to the variance.
        scale_init: initialiser of the scale, if `scaled`.
        axis_name: not used, examples are normalised by themselves.
        dtype: the type of the result; statistics are float32 at least.
        param_dtype: the type of scale and shift.
        name: of the layer.

    Returns:
        The shape of the inputs.

    Reference:
        Ulyanov et al. (2016), Instance Normalization: The Missing Ingredient for Fast
        Stylization, https://arxiv.org/abs/1607.08022

    Example:
        >>> import jax, jax.numpy as jnp
        >>> class Net(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         return instance_norm(x)
        >>> x = jnp.array([[[1.], [3.]], [[0.], [8.]]])
        >>> y, variables = Net().init_with_output(jax.random.key(0), x)
        >>> print(y[..., 0].round(2).tolist(), variables)
        [[-1.0, 1.0], [-1.0, 1.0]] {}
    """
    del train, axis_name
    return InstanceNorm(
        epsilon=epsilon,
        scaled=scaled,
        scale_init=scale_init,
        dtype=dtype,
        param_dtype=param_dtype,
        name=name,
    )(inputs)


def group_norm(
    inputs: Array,
    *,
    train: bool = False,
    groups: int = 32,
    epsilon: float = 1e-5,
    scale_init: Initializer = nn.initializers.ones,
    axis_name: str | None = None,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
    name: str | None = None,
) -> Array:
    """Normalise groups of channels of each example over its places (U2.6).

    With one group it is `layer_norm`, with as many as channels `instance_norm`.

    Args:
        inputs: [batch, ..., channel]; neighbouring channels are of one group.
        train: not used, there are no averages.
        groups: that divide the channels; a net of other widths is given
            `functools.partial(group_norm, groups=8)`.
        epsilon: added to the variance.
        scale_init: initialiser of the scale of each channel.
        axis_name: not used, examples are normalised by themselves.
        dtype: the type of the result; statistics are float32 at least.
        param_dtype: the type of scale and shift.
        name: of the layer.

    Returns:
        The shape of the inputs.

    Raises:
        ValueError: for groups that do not divide the channels.

    Reference:
        Wu, He (2018), Group Normalization, https://arxiv.org/abs/1803.08494

    Example:
        >>> import jax, jax.numpy as jnp
        >>> class Net(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         return group_norm(x, groups=2)
        >>> x = jnp.array([[[1., 3., 0., 8.]]])
        >>> print(Net().init_with_output(jax.random.key(0), x)[0].round(2).tolist())
        [[[-1.0, 1.0, -1.0, 1.0]]]
    """
    del train, axis_name
    channels = inputs.shape[-1]
    if groups < 1 or channels % groups:
        raise ValueError(
            f'groups is {groups} for {channels} channels, wanted a divisor of them: '
            'functools.partial(group_norm, groups=...)'
        )
    return nn.GroupNorm(
        num_groups=groups,
        epsilon=epsilon,
        use_fast_variance=False,
        scale_init=scale_init,
        dtype=dtype,
        param_dtype=param_dtype,
        name=name,
    )(inputs)
