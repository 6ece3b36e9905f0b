"""Forecasters of several channels from nets of one, and of many steps from few."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from dljax.layers import ReversibleNorm
from dljax.models.settings import check_sizes
from dljax.types import Array


class EachChannel(nn.Module):
    """Let a net of one channel forecast each channel by itself, by the same weights.

    The channels are examples of one batch, so the net is any that maps [batch, time, 1]
    to [batch, horizon], such as `Forecaster`, `Autoregression` or `SeasonalNaive`.

    Attributes:
        net: of one channel.
        norm: what each window is normalised by; None for nothing.

    Reference:
        Nie et al. (2022), A Time Series is Worth 64 Words: Long-term Forecasting with
        Transformers, https://arxiv.org/abs/2211.14730; channel independence.

    Example:
        >>> import jax.numpy as jnp
        >>> from dljax.layers import SeasonalNaive
        >>> history = jnp.array([[[1., 5.], [2., 6.]]])
        >>> print(EachChannel(SeasonalNaive(horizon=3)).apply({}, history)[0])
        [[2. 6.]
         [2. 6.]
         [2. 6.]]
    """

    net: nn.Module
    norm: ReversibleNorm | None = None

    def __call__(self, history: Array, **settings: Any) -> Array:
        """Forecast.

        Args:
            history: [batch, time, channel] float.
            **settings: such as `train`.

        Returns:
            [batch, horizon, channel].
        """
        channels = history.shape[-1]
        if self.norm is None:
            return by_channel(self.net(fold_channels(history), **settings), channels)
        seen, scaling = self.norm(history)
        ahead = self.net(fold_channels(seen), **settings)
        return scaling.restore(by_channel(ahead, channels))

    def examples(self, history: Array, target: Array) -> dict[str, Array]:
        """Give what the net learns from: each channel as an example of its own.

        Args:
            history: [batch, time, channel] float.
            target: [batch, horizon, channel] float.

        Returns:
            'history' [batch · channel, time, 1] and 'target' [batch · channel,
            horizon], both normalised by the histories.
        """
        if self.norm is not None:
            history, scaling = self.norm(history)
            plain = (target - scaling.offset) / scaling.deviation
            target = plain * scaling.scale + scaling.shift
        return {
            'history': fold_channels(history),
            'target': fold_channels(target)[..., 0],
        }


class Recursive(nn.Module):
    """Let a net feed on its own forecasts until a horizon is reached.

    The net predicts k steps; they are put behind the history, whose first k fall out,
    and so on for ⌈H / k⌉ times, of which the first H steps are the forecast. So one net
    serves any horizon, but each error goes into what the next forecast is made from.

    Attributes:
        net: that maps [batch, time, channel] to [batch, k, channel].
        horizon: H, at least 1.

    Raises:
        ValueError: for a horizon below 1.

    Reference:
        Ben Taieb et al. (2012), A Review and Comparison of Strategies for Multi-Step
        Ahead Time Series Forecasting, https://arxiv.org/abs/1108.3259; recursive and
        direct.

    Example:
        >>> import jax.numpy as jnp
        >>> from dljax.layers import SeasonalNaive
        >>> net = EachChannel(SeasonalNaive(horizon=2, season=2))
        >>> history = jnp.array([[[1.], [2.]]])
        >>> print(Recursive(net, horizon=5).apply({}, history)[0, :, 0])
        [1. 2. 1. 2. 1.]
    """

    net: nn.Module
    horizon: int = 96

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(horizon=self.horizon)

    def __call__(self, history: Array, *, train: bool = False) -> Array:
        """Forecast.

        Args:
            history: [batch, time, channel] float.
            train: whether the net is called in train mode.

        Returns:
            [batch, horizon, channel].
        """
        time = history.shape[1]

        def go_on(net: nn.Module, seen: Array, _: None) -> tuple[Array, Array]:
            ahead = net(seen, train=train)
            seen = jnp.concatenate([seen, ahead.astype(seen.dtype)], axis=1)
            return seen[:, -time:], ahead

        first = self.net(history, train=train)
        rounds = -(-self.horizon // first.shape[1]) - 1
        parts = [first]
        if rounds:
            seen = jnp.concatenate([history, first.astype(history.dtype)], axis=1)
            scanned = nn.scan(
                go_on,
                variable_broadcast=True,
                split_rngs={'params': False, 'dropout': True},
                length=rounds,
                out_axes=1,
            )
            _, more = scanned(self.net, seen[:, -time:], None)
            parts.append(more.reshape(len(history), -1, *more.shape[3:]))
        return jnp.concatenate(parts, axis=1)[:, : self.horizon]


def fold_channels(values: Array) -> Array:
    """Make an example of its own of each channel.

    Args:
        values: [batch, time, channel].

    Returns:
        [batch · channel, time, 1].

    Example:
        >>> import jax.numpy as jnp
        >>> print(fold_channels(jnp.array([[[1, 5], [2, 6]]]))[..., 0])
        [[1 2]
         [5 6]]
    """
    return jnp.swapaxes(values, 1, 2).reshape(-1, values.shape[1], 1)


def by_channel(values: Array, channels: int) -> Array:
    """Put together what was said of each channel.

    Args:
        values: [batch · channel, time].
        channels: how many there are.

    Returns:
        [batch, time, channel].

    Example:
        >>> import jax.numpy as jnp
        >>> print(by_channel(jnp.array([[1, 2], [5, 6]]), 2)[0])
        [[1 5]
         [2 6]]
    """
    return jnp.swapaxes(values.reshape(-1, channels, values.shape[-1]), 1, 2)
