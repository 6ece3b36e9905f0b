"""Random damage to inputs on the device, each number by its own draw (U5.1)."""

import jax
import jax.numpy as jnp

from dljax.data.augment import Augmentation
from dljax.types import Array, Key, fold


def gaussian_noise(deviation: float) -> Augmentation:
    """Add independent normal noise to every number.

    Args:
        deviation: its standard deviation, at least 0, in the unit of the inputs.

    Returns:
        A pure function `(key, inputs) -> inputs`, [batch, ...] float; the result may
        leave [0, 1].

    Raises:
        ValueError: at construction, for a negative deviation.

    Reference:
        Vincent et al., 2010, Stacked Denoising Autoencoders,
        https://www.jmlr.org/papers/v11/vincent10a.html

    Example:
        >>> gaussian_noise(0.3)(jax.random.key(0), jnp.ones((4, 8, 8, 1))).shape
        (4, 8, 8, 1)
    """
    if deviation < 0:
        raise ValueError(f'deviation is {deviation}, wanted at least 0')

    def corrupt(key: Key, inputs: Array) -> Array:
        noise = jax.random.normal(key, inputs.shape, inputs.dtype)
        return inputs + deviation * noise

    return corrupt


def masking(share: float) -> Augmentation:
    """Set numbers to 0, each with a probability.

    Nothing makes up for what is lost, as dropout does.

    Args:
        share: the probability, in [0, 1].

    Returns:
        A pure function `(key, inputs) -> inputs`, [batch, ...] float.

    Raises:
        ValueError: at construction, for a share out of range.

    Reference:
        Vincent et al., 2008, Extracting and Composing Robust Features with Denoising
        Autoencoders, https://doi.org/10.1145/1390156.1390294

    Example:
        >>> print(masking(1.0)(jax.random.key(0), jnp.ones((1, 3))))
        [[0. 0. 0.]]
    """
    _check_share(share)

    def corrupt(key: Key, inputs: Array) -> Array:
        return jnp.where(jax.random.bernoulli(key, share, inputs.shape), 0.0, inputs)

    return corrupt


def salt_and_pepper(share: float, low: float = 0.0, high: float = 1.0) -> Augmentation:
    """Set numbers to the smallest or the largest value, each with a probability.

    Args:
        share: the probability of either, in [0, 1]; half of it is salt.
        low: the smallest value.
        high: the largest value.

    Returns:
        A pure function `(key, inputs) -> inputs`, [batch, ...] float.

    Raises:
        ValueError: at construction, for a share out of range.

    Reference:
        Vincent et al., 2010, Stacked Denoising Autoencoders,
        https://www.jmlr.org/papers/v11/vincent10a.html

    Example:
        >>> damaged = salt_and_pepper(1.0)(jax.random.key(0), jnp.full((2, 50), 0.5))
        >>> print(jnp.unique(damaged))
        [0. 1.]
    """
    _check_share(share)

    def corrupt(key: Key, inputs: Array) -> Array:
        struck = jax.random.bernoulli(fold(key, 'struck'), share, inputs.shape)
        salt = jax.random.bernoulli(fold(key, 'salt'), 0.5, inputs.shape)
        grain = jnp.where(salt, high, low).astype(inputs.dtype)
        return jnp.where(struck, grain, inputs)

    return corrupt


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f'share is {share}, wanted a probability in [0, 1]')
