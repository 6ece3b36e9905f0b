"""Random damage to inputs on the device, each number by its own draw (U5.1)."""

import jax
import jax.numpy as jnp

from dljax.data.augment.form import Augmentation, check_probability
from dljax.types import Array, Key


def gaussian_noise(
    deviation: float, limits: tuple[float, float] | None = None
) -> Augmentation:
    """Add independent normal noise to every number.

    Args:
        deviation: its standard deviation, at least 0, in the unit of the inputs.
        limits: smallest and largest value that the result is clipped to, (0, 1) for
            images; `None` does not clip.

    Returns:
        A pure function `(key, inputs) -> inputs`, [batch, ...] float.

    Raises:
        ValueError: at construction, for a negative standard deviation or limits out of
            order.

    Reference:
        Vincent et al. (2010), Stacked Denoising Autoencoders: Learning Useful
        Representations in a Deep Network with a Local Denoising Criterion,
        https://www.jmlr.org/papers/v11/vincent10a.html

    Example:
        >>> gaussian_noise(0.3)(jax.random.key(0), jnp.ones((4, 8, 8, 1))).shape
        (4, 8, 8, 1)
    """
    if deviation < 0:
        raise ValueError(f'deviation is {deviation}, wanted at least 0')
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(f'limits is {limits}, wanted smallest < largest, as (0, 1)')

    def corrupt(key: Key, inputs: Array) -> Array:
        noise = jax.random.normal(key, inputs.shape, inputs.dtype)
        noisy = inputs + deviation * noise
        return noisy if limits is None else jnp.clip(noisy, *limits)

    return corrupt


def masking(fraction: float) -> Augmentation:
    """Set numbers to 0, each with a probability.

    Nothing makes up for what is lost, as dropout does.

    Args:
        fraction: the probability, in [0, 1].

    Returns:
        A pure function `(key, inputs) -> inputs`, [batch, ...] float.

    Raises:
        ValueError: at construction, for a fraction out of range.

    Reference:
        Vincent et al. (2008), Extracting and Composing Robust Features with Denoising
        Autoencoders, https://doi.org/10.1145/1390156.1390294

    Example:
        >>> print(masking(1.0)(jax.random.key(0), jnp.ones((1, 3))))
        [[0. 0. 0.]]
    """
    check_probability('fraction', fraction)

    def corrupt(key: Key, inputs: Array) -> Array:
        return jnp.where(jax.random.bernoulli(key, fraction, inputs.shape), 0.0, inputs)

    return corrupt


def salt_and_pepper(
    fraction: float, low: float = 0.0, high: float = 1.0, whole_pixels: bool = False
) -> Augmentation:
    """Set numbers to the smallest or the largest value, each with a probability.

    Args:
        fraction: the probability of either, in [0, 1]; half of it is salt.
        low: the smallest value.
        high: the largest value.
        whole_pixels: whether what lies along the last axis, the channels of an image,
            shares a draw, so that the grains are black and white and not coloured.

    Returns:
        A pure function `(key, inputs) -> inputs`, [batch, ...] float.

    Raises:
        ValueError: at construction, for a fraction out of range.

    Reference:
        Vincent et al. (2010), Stacked Denoising Autoencoders: Learning Useful
        Representations in a Deep Network with a Local Denoising Criterion,
        https://www.jmlr.org/papers/v11/vincent10a.html

    Example:
        >>> damaged = salt_and_pepper(1.0)(jax.random.key(0), jnp.full((2, 50), 0.5))
        >>> print(jnp.unique(damaged))
        [0. 1.]
    """
    check_probability('fraction', fraction)

    def corrupt(key: Key, inputs: Array) -> Array:
        shape = (*inputs.shape[:-1], 1) if whole_pixels else inputs.shape
        draw = jax.random.uniform(key, shape)  # one for both: draws are what takes time
        grain = jnp.where(draw < fraction / 2, high, low).astype(inputs.dtype)
        return jnp.where(draw < fraction, grain, inputs)

    return corrupt
