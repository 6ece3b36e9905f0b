"""A prior of noise without its tails."""

import dataclasses

import jax

from dljax.types import Array, Key


@dataclasses.dataclass(frozen=True)
class TruncatedNoise:
    """Normal noise of which what is larger than a threshold is drawn again.

    A generator that was trained on normal noise makes samples of it that are nearer to
    the usual, and less varied: precision for recall.

    Attributes:
        threshold: the largest absolute value of a number, above 0; in the limit of
            large ones the noise is normal.

    Raises:
        ValueError: for a threshold that is not positive.

    Reference:
        Brock et al. (2019), Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, section 3.1, https://arxiv.org/abs/1809.11096

    Example:
        >>> noise = TruncatedNoise(0.5)(jax.random.key(0), (1000, 2))
        >>> bool(abs(noise).max() <= 0.5)
        True
    """

    threshold: float = 1.0

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.threshold > 0:
            raise ValueError(
                f'threshold is {self.threshold}, wanted a positive number: 2 truncates '
                'little, 0.04 nearly everything'
            )

    def __call__(self, key: Key, shape: tuple[int, ...]) -> Array:
        """Draw noise of this shape, in [-threshold, threshold]."""
        return jax.random.truncated_normal(key, -self.threshold, self.threshold, shape)
