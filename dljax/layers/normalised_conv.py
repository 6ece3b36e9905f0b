"""A convolution, its normalisation and its activation as one layer."""

from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.barrier import barrier
from dljax.layers.activations import Activation, activate
from dljax.layers.conv import Conv
from dljax.layers.normalisation import Normalise, batch_norm
from dljax.layers.spectral_norm import SpectralNorm
from dljax.layers.transposed_conv import TransposedConv
from dljax.types import Array


class NormalisedConv(nn.Module):
    """A square convolution, plain or transposed; what normalises it; its activation.

    A stride s divides the sides by s, or multiplies them by s if it is transposed. The
    edges are padded alike, as torch pads them by (k - 1) // 2, where 'SAME' of stride 2
    is not symmetric.

    Attributes:
        features: channels of the result.
        kernel_size: k, side of the kernel.
        stride: s.
        transposed: whether the layer runs backwards: to larger feature maps.
        padded: whether the edges are padded; if not, a plain convolution with a kernel
            as large as the map makes one place of it, and a transposed one the reverse.
        padding: of each edge of a plain convolution, in the place of (k - 1) // 2.
        groups: into which the channels of a plain convolution are parted; each group
            of results sees one group of inputs.
        activation: after the normalisation.
        normalise: such as `batch_norm`, whose running variance is Flax's, or
            `functools.partial(batch_norm, unbiased=True)` for torch's; None for none.
        spectral: whether to divide the weights by their spectral norm.
        use_bias: whether a bias is added before the normalisation.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        bias_init: initialiser of the biases, where there are any.

    Raises:
        ValueError: for features, kernel_size, stride or groups below 1, a padding below
            0, features that the groups do not divide, or groups or a padding of a
            transposed convolution.

    Reference:
        Radford et al. (2016), Unsupervised Representation Learning with Deep
        Convolutional Generative Adversarial Networks, https://arxiv.org/abs/1511.06434
        Miyato et al. (2018), Spectral Normalization for Generative Adversarial
        Networks, https://arxiv.org/abs/1802.05957; the spectral norm.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> maps, key = jnp.ones((2, 8, 8, 3)), jax.random.key(0)
        >>> NormalisedConv(5).init_with_output(key, maps)[0].shape
        (2, 4, 4, 5)
        >>> NormalisedConv(5, transposed=True).init_with_output(key, maps)[0].shape
        (2, 16, 16, 5)
    """

    features: int
    kernel_size: int = 4
    stride: int = 2
    transposed: bool = False
    padded: bool = True
    padding: int | None = None
    groups: int = 1
    activation: Activation = jax.nn.relu
    normalise: Normalise | None = batch_norm
    spectral: bool = False
    use_bias: bool = False
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.02)
    bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if min(self.features, self.kernel_size, self.stride) < 1:
            raise ValueError(
                f'features is {self.features}, kernel_size {self.kernel_size} and '
                f'stride {self.stride}, wanted at least 1 of each'
            )
        plain = not self.transposed and self.padded
        if self.padding is not None and (self.padding < 0 or not plain):
            raise ValueError(
                f'padding is {self.padding}, transposed is {self.transposed} and '
                f'padded {self.padded}, wanted at least 0, and only for a plain '
                'convolution that is padded; None for (kernel_size - 1) // 2'
            )
        if self.groups != 1 and (
            self.groups < 1 or self.features % self.groups or self.transposed
        ):
            raise ValueError(
                f'groups is {self.groups}, features {self.features} and transposed '
                f'{self.transposed}, wanted a divisor of the features, and 1 for a '
                'transposed convolution'
            )

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the feature maps.

        Args:
            inputs: [batch, height, width, channel].
            train: whether batch statistics are those of the batch, and they and the
                spectral norm move.

        Returns:
            [batch, height', width', features].
        """
        chex.assert_rank(inputs, 4)  # Linen takes one image without its batch as well
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        shared = {
            'use_bias': self.use_bias,
            'kernel_init': self.kernel_init,
            'bias_init': self.bias_init,
            'name': 'conv',
            **types,
        }
        k, s = self.kernel_size, self.stride
        if self.transposed:  # n places become s · n; of one, all that the kernel has
            padding = (k // 2, k + s - 2 - k // 2) if self.padded else (k - 1, k - 1)
            layer = TransposedConv(self.features, k, s, padding, **shared)
        else:
            around = (k - 1) // 2 if self.padding is None else self.padding
            padding = around if self.padded else 'VALID'
            layer = Conv(
                self.features,
                (k, k),
                (s, s),
                padding,
                feature_group_count=self.groups,
                **shared,
            )
        x = constrained(layer, spectral=self.spectral, train=train)(inputs)
        if self.normalise is not None:
            x = self.normalise(
                x, train=train, axis_name=self.axis_name, name='norm', **types
            )
        if self.activation is jax.nn.identity:
            return x
        return barrier(activate(self.activation, x))


def constrained(
    layer: nn.Module, *, spectral: bool, train: bool
) -> Callable[[Array], Array]:
    """Divide the weights of a layer by their largest singular value, if wished.

    One step of power iteration a call estimates it; in training the step moves the
    collection 'batch_stats'. Kernels of convolutions are taken as matrices of one
    column an output channel.

    Args:
        layer: with fields `dtype` and `param_dtype`, made where this is called.
        spectral: whether to do so; otherwise the layer is returned.
        train: whether the estimate moves.

    Returns:
        A function of the layer's inputs.

    Reference:
        Miyato et al. (2018), Spectral Normalization for Generative Adversarial
        Networks, https://arxiv.org/abs/1802.05957

    Example:
        >>> import jax, jax.numpy as jnp
        >>> class Net(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x, *, train=False):
        ...         return constrained(nn.Dense(1), spectral=True, train=train)(x)
        >>> x = jnp.array([[3., 4.]])
        >>> variables = Net().init(jax.random.key(0), x)
        >>> kernel = {'params': {'Dense_0': {'kernel': x.T, 'bias': jnp.zeros(1)}}}
        >>> print(Net().apply({**variables, **kernel}, x))
        [[5.]]
    """
    if not spectral:
        return layer
    norm = SpectralNorm(layer, dtype=layer.dtype, param_dtype=layer.param_dtype)
    return lambda inputs: norm(inputs, update=train)
