"""Transformer over the patches of a series (U3.8)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import (
    Dense,
    LearnedPositions,
    ReversibleNorm,
    TransformerBlock,
    TransformerStack,
)
from dljax.layers.checks import check_fractions
from dljax.layers.dot_product import Implementation
from dljax.models.settings import check_sizes
from dljax.types import Array


class TransformerForecaster(nn.Module):
    """Blocks over patches of each channel's history, and all steps from their states.

    Each channel is a sequence of its own, by the same weights: a patch of some of its
    values is mapped to a vector, a learned vector of its position is added, and behind
    the blocks one dense layer reads the vectors of all patches and gives the horizon.
    At the end of the history its last value is repeated for one patch more. Windows are
    normalised, and the forecast is taken back. The parameters are in the groups
    `patches`, `positions`, `encoder` and `output`.

    In the paper batch norms stand behind the sub-layers; here a layer norm is first,
    which needs no running statistics.

    Attributes:
        horizon: steps to predict, at least 1.
        patch: values of a patch, at least 1.
        stride: values from one patch to the next, at least 1.
        width: of a patch's vector, a multiple of `heads`.
        layers: how many blocks, at least 1.
        heads: of each attention.
        hidden: width of the feed-forward nets, at least 1.
        dropout: the probability in [0, 1) with which an element of the embedded
            patches, a hidden unit or an element of what a sub-layer adds is dropped.
        output_dropout: that of an element that the output reads.
        norm: what each window is normalised by; None for nothing.
        activation: of the feed-forward nets; by default GELU itself.
        remat: whether the backward pass computes the inside of each block anew.
        implementation: of the attention, see `layers.attend`.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights of patches and blocks.
        output_init: that of the last weights.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Nie et al. (2022), A Time Series is Worth 64 Words: Long-term Forecasting with
        Transformers, https://arxiv.org/abs/2211.14730

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = TransformerForecaster(4, 6, 3, width=8, layers=1, heads=2, hidden=16)
        >>> history = jnp.ones((2, 36, 3))
        >>> variables = net.init(jax.random.key(0), history)
        >>> print(net.apply(variables, history).shape)
        (2, 4, 3)
    """

    horizon: int = 96
    patch: int = 16
    stride: int = 8
    width: int = 128
    layers: int = 3
    heads: int = 16
    hidden: int = 256
    dropout: float = 0.2
    output_dropout: float = 0.0
    norm: ReversibleNorm | None = ReversibleNorm(affine=False, parent=None)
    activation: Callable[[Array], Array] = partial(jax.nn.gelu, approximate=False)
    remat: bool = False
    implementation: Implementation = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.glorot_uniform()
    output_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        sizes = ('horizon', 'patch', 'stride', 'width', 'layers', 'heads', 'hidden')
        check_sizes(**{name: getattr(self, name) for name in sizes})
        check_fractions(dropout=self.dropout, output_dropout=self.output_dropout)
        if self.width % self.heads:
            raise ValueError(
                f'width is {self.width} and heads {self.heads}, wanted a width that is '
                'a multiple of the heads'
            )

    @nn.compact
    def __call__(self, history: Array, *, train: bool = False) -> Array:
        """Forecast.

        Args:
            history: [batch, time, channel] float, of a patch at least; always of the
                same length.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, horizon, channel].

        Raises:
            ValueError: for a history of another rank, or shorter than a patch.
        """
        if history.ndim != 3 or history.shape[1] < self.patch:
            raise ValueError(
                f'the history has shape {history.shape}, wanted [batch, time, channel] '
                f'of {self.patch} steps or more: give a longer one, or shorter patches'
            )
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        if self.norm is None:
            return self._ahead(history, train, types)
        seen, scaling = self.norm.clone(parent=self, name='normal', **types)(history)
        return scaling.restore(self._ahead(seen, train, types))

    def _ahead(self, history: Array, train: bool, types: dict[str, Any]) -> Array:
        batch, time, channels = history.shape
        series = jnp.swapaxes(history, 1, 2).reshape(-1, time)
        x = as_patches(series, self.patch, self.stride)
        x = Dense(self.width, kernel_init=self.kernel_init, name='patches', **types)(x)
        x = LearnedPositions(x.shape[1], name='positions', **types)(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        block = TransformerBlock(
            hidden=self.hidden,
            heads=self.heads,
            norm_first=True,
            activation=self.activation,
            dropout=self.dropout,
            hidden_dropout=self.dropout,
            implementation=self.implementation,
            kernel_init=self.kernel_init,
            parent=None,
        )
        x = TransformerStack(
            block, self.layers, remat=self.remat, name='encoder', **types
        )(x, train=train)
        x = x.reshape(batch, channels, -1)
        x = nn.Dropout(self.output_dropout, deterministic=not train)(x)
        output = Dense(
            self.horizon, kernel_init=self.output_init, name='output', **types
        )
        return jnp.swapaxes(output(x), 1, 2)


def as_patches(series: Array, patch: int, stride: int) -> Array:
    """Cut series into patches, the last of which ends with the last value repeated.

    Args:
        series: [batch, time], of a patch at least.
        patch: values of each.
        stride: values from one to the next; at the end the last value is repeated as
            often.

    Returns:
        [batch, patches, patch]: (time - patch) // stride + 2 of them.

    Example:
        >>> print(as_patches(jnp.arange(6)[None], patch=4, stride=2)[0])
        [[0 1 2 3]
         [2 3 4 5]
         [4 5 5 5]]
    """
    patches = (series.shape[1] - patch) // stride + 2
    padded = jnp.pad(series, ((0, 0), (0, stride)), mode='edge')
    places = stride * jnp.arange(patches)[:, None] + jnp.arange(patch)[None, :]
    return padded[:, places]
