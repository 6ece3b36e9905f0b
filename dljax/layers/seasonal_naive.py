"""The forecasts that need no learning."""

import jax.numpy as jnp
from flax import linen as nn

from dljax.types import Array


class SeasonalNaive(nn.Module):
    """Repeat the last season: ŷ_{t+k} = y_{t+k-ms} with the smallest fitting m (U3.8).

    With a season of 1 it is the naive forecast, the last value for ever. Whatever is
    learned has to beat both.

    Attributes:
        horizon: steps to predict, at least 1.
        season: s, steps in a season, at least 1.

    Raises:
        ValueError: for a size below 1.

    Reference:
        Hyndman, Athanasopoulos (2021), Forecasting: Principles and Practice, section
        5.2, https://otexts.com/fpp3/simple-methods.html

    Example:
        >>> import jax.numpy as jnp
        >>> history = jnp.arange(6.)[None, :, None]
        >>> print(SeasonalNaive(horizon=5, season=3).apply({}, history))
        [[3. 4. 5. 3. 4.]]
    """

    horizon: int
    season: int = 1

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.horizon < 1 or self.season < 1:
            raise ValueError(
                f'horizon is {self.horizon} and season {self.season}, wanted 1 or more '
                'of each'
            )

    def __call__(self, history: Array, *, train: bool = False) -> Array:
        """Repeat the end of each history.

        Args:
            history: [batch, time, 1], of a season at least.
            train: of no effect.

        Returns:
            [batch, horizon].

        Raises:
            ValueError: for a history shorter than a season.
        """
        if history.shape[1] < self.season:
            raise ValueError(
                f'a history of {history.shape[1]} steps does not hold a season of '
                f'{self.season}, wanted that many or more: give a longer history'
            )
        last = history[:, -self.season :, 0]
        return last[:, jnp.arange(self.horizon) % self.season]
