"""A prior of noise that holds codes."""

import dataclasses

import jax
import jax.numpy as jnp

from dljax.types import Array, Key, fold


@dataclasses.dataclass(frozen=True)
class CodedNoise:
    """A prior of noise, of a category and of continuous codes, side by side.

    Attributes:
        noise: dimension of the noise, normal.
        categories: of the category, all alike likely, as a one-hot vector.
        continuous: codes, uniform in [-1, 1).

    Example:
        >>> import jax
        >>> prior = CodedNoise(noise=2, categories=3, continuous=1)
        >>> drawn = prior(jax.random.key(0), (5, prior.size))
        >>> print(drawn[:, 2:5].sum(1))
        [1. 1. 1. 1. 1.]
    """

    noise: int = 62
    categories: int = 10
    continuous: int = 2

    def __post_init__(self) -> None:
        """Check the settings."""
        if min(self.noise, self.continuous) < 0 or self.categories < 1:
            raise ValueError(
                f'noise is {self.noise}, continuous {self.continuous} and categories '
                f'{self.categories}, wanted at least 0, 0 and 1'
            )

    @property
    def size(self) -> int:
        """Numbers in all."""
        return self.noise + self.categories + self.continuous

    def __call__(self, key: Key, shape: tuple[int, ...]) -> Array:
        """Draw [count, size]; raises ValueError for another width."""
        if len(shape) != 2 or shape[1] != self.size:
            raise ValueError(f'shape is {shape}, wanted [count, {self.size}]')
        count, which = shape[0], fold(key, 'category')
        which = jax.random.randint(which, (count,), 0, self.categories)
        span = (count, self.continuous)
        return jnp.concatenate(
            [
                jax.random.normal(fold(key, 'noise'), (count, self.noise)),
                jax.nn.one_hot(which, self.categories),
                jax.random.uniform(fold(key, 'continuous'), span, minval=-1.0),
            ],
            axis=1,
        )

    def replaced(
        self,
        drawn: Array,
        category: Array | None = None,
        continuous: Array | None = None,
    ) -> Array:
        """Put chosen codes in the place of those that were drawn.

        Args:
            drawn: [count, size].
            category: [count] integers, or None to leave it.
            continuous: [count, codes], or None to leave them.

        Returns:
            [count, size].
        """
        noise, which, codes = jnp.split(
            drawn, (self.noise, self.noise + self.categories), axis=1
        )
        if category is not None:
            which = jax.nn.one_hot(category, self.categories)
        codes = codes if continuous is None else continuous
        return jnp.concatenate([noise, which, codes], axis=1)
