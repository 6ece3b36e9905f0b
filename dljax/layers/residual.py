"""Residual blocks: what is learned is added to what came in."""

import functools
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.barrier import barrier
from dljax.layers.normalisation import Normalise, batch_norm
from dljax.layers.normalised_conv import NormalisedConv
from dljax.types import Array

Shortcut = Literal['projection', 'padding', 'none']


class ResidualBlock(nn.Module):
    r"""Convolutions beside a shortcut: $y = \max(0, S(x) + F(x))$.

    F is two 3x3 convolutions of f channels; or, as a bottleneck, 1x1 and 3x3 of f and
    1x1 of 4f. Each is normalised, and all but the last are rectified. S is the identity
    where the shapes agree.

    Attributes:
        features: f.
        stride: s; the side n of a feature map becomes n / s, rounded up.
        bottleneck: whether F has three convolutions.
        shortcut: S where the shapes differ: a 1x1 convolution, normalised
            ('projection'); or every s-th place, and zeros for the channels that are not
            there ('padding'), which has no parameters. 'none' leaves S out everywhere:
            the plain net that a residual one is compared with.
        stride_first: whether the stride of a bottleneck is at its first convolution, as
            in the paper, and not at its 3x3, which skips no place.
        zero_init: whether the scale of the last normalisation starts at 0, and so F;
            `normalise` has to take `scale_init` then.
        normalise: such as `batch_norm`; None for none.
        use_bias: whether convolutions have biases though they are normalised.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for an unknown shortcut.

    Reference:
        He et al. (2016), Deep Residual Learning for Image Recognition,
        https://arxiv.org/abs/1512.03385
        Goyal et al. (2017), Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour,
        https://arxiv.org/abs/1706.02677; F of 0.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> block = ResidualBlock(8, stride=2, shortcut='padding')
        >>> y, _ = block.init_with_output(jax.random.key(0), jnp.ones((2, 5, 5, 3)))
        >>> y.shape
        (2, 3, 3, 8)
    """

    features: int
    stride: int = 1
    bottleneck: bool = False
    shortcut: Shortcut = 'projection'
    stride_first: bool = False
    zero_init: bool = False
    normalise: Normalise | None = batch_norm
    use_bias: bool = False
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_shortcut(self.shortcut)

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the feature maps.

        Args:
            inputs: [batch, height, width, channel].
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, height / s, width / s, f or 4f], rounded up.
        """
        common, plan = _common(self), _plan(self)
        last = self.normalise
        if self.zero_init and last is not None:
            last = _from_zero(last)
        x = inputs
        for index, layer in enumerate(plan, 1):
            ends = index == len(plan)
            x = NormalisedConv(
                *layer,
                activation=jax.nn.identity if ends else jax.nn.relu,
                normalise=last if ends else self.normalise,
                name=f'conv{index}',
                **common,
            )(x, train=train)
        if self.shortcut == 'none':
            return barrier(nn.relu(x))
        skipped = inputs
        if inputs.shape != x.shape:
            if self.shortcut == 'padding':
                skipped = padded_shortcut(inputs, x.shape[-1], self.stride)
            else:
                skipped = NormalisedConv(
                    x.shape[-1],
                    1,
                    self.stride,
                    activation=jax.nn.identity,
                    normalise=self.normalise,
                    name='downsample',
                    **common,
                )(inputs, train=train)
        return barrier(nn.relu(x + skipped.astype(x.dtype)))


class PreactivationBlock(nn.Module):
    r"""Convolutions, each after its activation, beside a shortcut: $y = S(x) + F(x)$.

    F is two or three convolutions as in `ResidualBlock`, each of what was normalised
    and rectified. Nothing is done to the sum, so that the identity runs through the
    whole net. Where shapes differ, S is a 1x1 convolution of the activated input,
    without normalisation, or has no parameters.

    Attributes:
        features: f, channels of the convolutions; of a bottleneck's last, 4f.
        stride: s; the side n of a feature map becomes n / s, rounded up.
        bottleneck: whether F has three convolutions.
        shortcut: S where the shapes differ, as in `ResidualBlock`.
        stride_first: whether the stride of a bottleneck is at its first convolution.
        activated: whether the input is normalised and rectified already, as that of the
            first block of a net is, so that this block does not do it.
        normalise: such as `batch_norm`; None for none.
        use_bias: whether convolutions have biases though there is normalisation.
        axis_name: of a mapped axis that shares batch statistics.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for an unknown shortcut.

    Reference:
        He et al. (2016), Identity Mappings in Deep Residual Networks, figure 4e,
        https://arxiv.org/abs/1603.05027; its appendix for the first and the last block.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> block = PreactivationBlock(8, stride=2)
        >>> y, _ = block.init_with_output(jax.random.key(0), jnp.ones((2, 5, 5, 3)))
        >>> y.shape
        (2, 3, 3, 8)
    """

    features: int
    stride: int = 1
    bottleneck: bool = False
    shortcut: Shortcut = 'projection'
    stride_first: bool = False
    activated: bool = False
    normalise: Normalise | None = batch_norm
    use_bias: bool = False
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_shortcut(self.shortcut)

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the feature maps.

        Args:
            inputs: [batch, height, width, channel].
            train: whether batch statistics are those of the batch, and move.

        Returns:
            [batch, height / s, width / s, f or 4f], rounded up.
        """
        common, plan = _common(self), _plan(self)
        plain: dict[str, Any] = {'activation': jax.nn.identity, 'normalise': None}
        x = inputs
        if not self.activated:
            if self.normalise is not None:
                shared = ('axis_name', 'dtype', 'param_dtype')
                options = {name: common[name] for name in shared}
                x = self.normalise(x, train=train, name='norm', **options)
            x = nn.relu(x)
        features, skipped = plan[-1][0], inputs
        if self.stride != 1 or inputs.shape[-1] != features:
            if self.shortcut == 'padding':
                skipped = padded_shortcut(x, features, self.stride)
            elif self.shortcut == 'projection':
                skipped = NormalisedConv(
                    features, 1, self.stride, name='downsample', **plain, **common
                )(x, train=train)
        for index, layer in enumerate(plan, 1):
            # The normalisation and the ReLU of the next one, or nothing.
            after = plain if index == len(plan) else {'normalise': self.normalise}
            x = NormalisedConv(*layer, name=f'conv{index}', **after, **common)(
                x, train=train
            )
        if self.shortcut == 'none':
            return barrier(x)
        return barrier(x + skipped.astype(x.dtype))


def padded_shortcut(inputs: Array, features: int, stride: int) -> Array:
    """Bring maps to a shape without parameters: skip places, add channels of zeros.

    Args:
        inputs: [batch, height, width, channel].
        features: channels of the result, at least those there are.
        stride: every so-many-th row and column is kept, from the first on.

    Returns:
        [batch, height / stride, width / stride, features], rounded up.

    Raises:
        ValueError: for fewer channels than there are.

    Reference:
        He et al. (2016), Deep Residual Learning for Image Recognition, section 3.3,
        https://arxiv.org/abs/1512.03385; its option A.

    Example:
        >>> import jax.numpy as jnp
        >>> maps = jnp.arange(4.).reshape(1, 2, 2, 1)
        >>> print(padded_shortcut(maps, features=2, stride=2))
        [[[[0. 0.]]]]
    """
    more = features - inputs.shape[-1]
    if more < 0:
        raise ValueError(
            f'the shortcut has {inputs.shape[-1]} channels and the block {features}, '
            "wanted no fewer: zeros can only be added, or take shortcut='projection'"
        )
    kept = inputs[:, ::stride, ::stride, :]
    return jnp.pad(kept, ((0, 0), (0, 0), (0, 0), (0, more)))


@functools.cache
def _from_zero(normalise: Normalise) -> Normalise:
    """Let a normalisation begin at 0; cached, since equal blocks are to be equal."""
    return functools.partial(normalise, scale_init=nn.initializers.zeros)


def check_shortcut(shortcut: str) -> None:
    """Refuse a shortcut of an unknown kind."""
    if shortcut not in get_args(Shortcut):
        raise ValueError(
            f"shortcut is {shortcut!r}, wanted 'projection', a 1x1 convolution, "
            "'padding', without parameters, or 'none'"
        )


def _plan(block: ResidualBlock | PreactivationBlock) -> list[tuple[int, int, int]]:
    """List features, kernel and stride of the convolutions."""
    f, s = block.features, block.stride
    if not block.bottleneck:
        return [(f, 3, s), (f, 3, 1)]
    first, second = (s, 1) if block.stride_first else (1, s)
    return [(f, 1, first), (f, 3, second), (4 * f, 1, 1)]


def _common(block: ResidualBlock | PreactivationBlock) -> dict[str, Any]:
    """Collect what all convolutions are given."""
    return {
        'use_bias': block.use_bias or block.normalise is None,
        'axis_name': block.axis_name,
        'dtype': block.dtype,
        'param_dtype': block.param_dtype,
        'kernel_init': block.kernel_init,
    }
