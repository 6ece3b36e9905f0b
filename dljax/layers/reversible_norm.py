"""Normalisation of each window of a series, taken back from its forecast."""

from typing import Literal, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.types import Array


class Scaling(NamedTuple):
    """What a window was normalised by: x ↦ (x - offset) / deviation · scale + shift.

    Attributes:
        offset: [batch, 1, channel] float32.
        deviation: [batch, 1, channel] float32, above 0.
        scale: [1, 1, channel] float32.
        shift: [1, 1, channel] float32.
    """

    offset: Array
    deviation: Array
    scale: Array
    shift: Array

    def restore(self, forecast: Array) -> Array:
        """Return to the units of the window.

        Args:
            forecast: [batch, horizon, channel] float, normalised.

        Returns:
            [batch, horizon, channel] float32 at least.
        """
        plain = (forecast - self.shift) / self.scale
        return plain * self.deviation + self.offset


class ReversibleNorm(nn.Module):
    """Normalise each channel of each window, and restore its forecast (U3.8).

    x̂ = γ (x - μ) / √(σ² + ε) + β with the mean μ and the variance σ² of a channel over
    the time of that window alone; a forecast ŷ of the normalised window is
    √(σ² + ε) (ŷ - β) / γ + μ in its units. What differs from window to window, such as
    a level that drifts, is then no matter of the net. With the last value as centre and
    without a scale it is the subtraction of NLinear.

    Attributes:
        centre: what is subtracted, the 'mean' of the window or its 'last' value.
        scaled: whether the window is divided by its standard deviation.
        affine: whether there are γ and β, learned, of each channel.
        epsilon: ε, above 0.
        dtype: the type of the normalised window; None takes that of the input.
            Statistics are float32.
        param_dtype: the type of γ and β.

    Raises:
        ValueError: for an unknown centre, or an ε that is not above 0.

    Reference:
        Kim et al. (2022), Reversible Instance Normalization for Accurate Time-Series
        Forecasting against Distribution Shift,
        https://openreview.net/forum?id=cGDAkQo1C0p
        Zeng et al. (2022), Are Transformers Effective for Time Series Forecasting?,
        https://arxiv.org/abs/2205.13504; the last value.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, window = ReversibleNorm(), jnp.array([[[1.], [3.]]])
        >>> (normal, scaling), _ = layer.init_with_output(jax.random.key(0), window)
        >>> print(normal[..., 0].round(2), scaling.restore(normal)[..., 0].round(2))
        [[-1.  1.]] [[1. 3.]]
    """

    centre: Literal['mean', 'last'] = 'mean'
    scaled: bool = True
    affine: bool = True
    epsilon: float = 1e-5
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.centre not in ('mean', 'last'):
            raise ValueError(f'centre is {self.centre!r}, wanted mean or last')
        if not self.epsilon > 0:
            raise ValueError(f'epsilon is {self.epsilon}, wanted a number above 0')

    @nn.compact
    def __call__(self, window: Array) -> tuple[Array, Scaling]:
        """Normalise.

        Args:
            window: [batch, time, channel] float.

        Returns:
            [batch, time, channel], and the scaling, whose `restore` takes a forecast
            back.

        Raises:
            ValueError: for a window of another rank.
        """
        if window.ndim != 3:
            raise ValueError(
                f'the window has shape {window.shape}, wanted [batch, time, channel]'
            )
        channels = window.shape[2]
        # From the last value on: a mean of large numbers is rounded by what they vary.
        last = window[:, -1:].astype(jnp.float32)
        apart = window.astype(jnp.float32) - last
        mean = apart.mean(axis=1, keepdims=True)
        about = jnp.zeros_like(mean) if self.centre == 'last' else mean
        deviation, scale = jnp.ones_like(last), jnp.ones((1, 1, channels))
        if self.scaled:
            variance = jnp.square(apart - mean).mean(axis=1, keepdims=True)
            deviation = jnp.sqrt(variance + self.epsilon)
        shift = jnp.zeros_like(scale)
        if self.affine:
            scale, shift = (
                self.param(name, init, (channels,), self.param_dtype)
                .astype(jnp.float32)
                .reshape(1, 1, channels)
                for name, init in (
                    ('scale', nn.initializers.ones),
                    ('shift', nn.initializers.zeros),
                )
            )
        normal = (apart - about) / deviation * scale + shift
        scaling = Scaling(last + about, deviation, scale, shift)
        return normal.astype(self.dtype or window.dtype), scaling
