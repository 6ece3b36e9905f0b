"""A generator and a discriminator as one net."""

from collections.abc import Callable

import jax
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers import typed
from dljax.types import Array, Key

Prior = Callable[[Key, tuple[int, ...]], Array]


class Adversaries(nn.Module):
    """Two nets that learn against each other: groups 'generator', 'discriminator'.

    Attributes:
        generator: `(noise, *conditions, train) -> samples`, where a condition may
            be a label.
        discriminator: `(samples, *conditions, train) -> logits`, large for real ones;
            or a tuple whose first part they are and whose others are further outputs.
        latent: dimension of the noise.
        prior: `(key, shape) -> noise`; the normal distribution by default.
        dtype: the type of the computation of both; None leaves each its own.
        param_dtype: the type of all parameters; None leaves each its own.

    Raises:
        ValueError: for a latent size below 1.

    Reference:
        Goodfellow et al. (2014), Generative Adversarial Nets,
        https://arxiv.org/abs/1406.2661

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = Adversaries(nn.Dense(3), nn.Dense(1), latent=2)
        >>> draw = nn.apply(lambda net: net.noise(4), net)
        >>> draw({}, rngs={'noise': jax.random.key(0)}).shape
        (4, 2)
    """

    generator: nn.Module
    discriminator: nn.Module
    latent: int = 100
    prior: Prior = jax.random.normal
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Check the settings and hand the types on to the parts."""
        if self.latent < 1:
            raise ValueError(f'latent is {self.latent}, wanted at least 1')
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.generator = typed(self.generator, **types)
        self.discriminator = typed(self.discriminator, **types)
        super().__post_init__()

    def __call__(
        self, sample: Array, noise: Array, *condition: Array, train: bool = False
    ) -> tuple[Array, Array]:
        """Judge real samples, and those made of noise.

        Args:
            sample: [batch, ...] as the discriminator takes them.
            noise: [batch, latent].
            *condition: [batch, ...] given to the generator and shown to the
                discriminator.
            train: passed on to both.

        Returns:
            What the discriminator says of the real and of the made ones.
        """
        made = self.generator(noise, *condition, train=train)
        real = self.discriminator(sample, *condition, train=train)
        return real, self.discriminator(made, *condition, train=train)

    def noise(self, count: int) -> Array:
        """Draw noise from the stream 'noise': [count, latent] float32."""
        return self.prior(self.make_rng('noise'), (count, self.latent))

    def draw(self, key: Key, count: int, *conditions: Array) -> Array:
        """Make samples in evaluation mode.

        Args:
            key: of the noise.
            count: of the samples.
            *conditions: [count, ...] that the generator takes beside the noise.

        Returns:
            [count, ...] samples, as the generator makes them.
        """
        noise = self.prior(key, (count, self.latent))
        return self.generator(noise, *conditions, train=False)
