"""Sounds in noise, later or earlier, and with parts of their features masked."""

from typing import Protocol

import jax
import jax.numpy as jnp

from dljax.data.augment.form import check_probability, of_each
from dljax.types import Array, Key, fold


class SoundAugmentation(Protocol):
    """A pure function of a key, sounds or their features, and lengths if padded."""

    def __call__(
        self, key: Key, sounds: Array, lengths: Array | None = None, /
    ) -> Array:
        """Change each example by its own draw.

        Args:
            key: a random key.
            sounds: [batch, time] float, or features [batch, frames, bands].
            lengths: [batch] integers of the second axis, or None where none is padded.

        Returns:
            Of the same shape and type.
        """
        ...


def add_noise(snr: tuple[float, float] = (5.0, 30.0)) -> SoundAugmentation:
    r"""Add white noise of a given ratio of the signal's power to that of the noise.

    With $P$ the mean square of a sound up to its length, the variance of the noise is
    $P / 10^{\text{snr} / 10}$, and the noise ends where the sound does. In silence
    there is none.

    Args:
        snr: smallest and largest ratio in decibels, uniform; infinite for no noise.

    Returns:
        A pure function `(key, sounds, lengths) -> sounds` of [batch, time].

    Raises:
        ValueError: at construction, unless smallest <= largest.

    Example:
        >>> augment = add_noise((10.0, 10.0))
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((2, 4000))).shape
        (2, 4000)
    """
    low, high = snr
    if not low <= high or high == -float('inf') or low < high == float('inf'):
        raise ValueError(
            f'snr is {snr}, wanted smallest <= largest in decibels, both finite or '
            'both infinite for no noise'
        )

    def augment(key: Key, sounds: Array, lengths: Array | None = None) -> Array:
        _check(sounds, 2)
        if low == float('inf'):
            return sounds
        batch, time = sounds.shape
        real = _real(sounds, lengths)
        plain = jnp.where(real, sounds.astype(jnp.float32), 0.0)
        count = jnp.maximum(real.sum(1), 1)
        power = jnp.square(plain).sum(1) / count
        level = jax.random.uniform(fold(key, 'snr'), (batch,), minval=low, maxval=high)
        ratio = power * 10 ** (-level / 10)
        # The root has no finite derivative at silence.
        scale = jnp.where(ratio > 0, jnp.sqrt(jnp.where(ratio > 0, ratio, 1.0)), 0.0)
        noise = jax.random.normal(fold(key, 'noise'), (batch, time))
        noise = jnp.where(real, of_each(scale, noise) * noise, 0.0)
        return sounds + noise.astype(sounds.dtype)

    return augment


def shift_time(most: int) -> SoundAugmentation:
    """Shift sounds to earlier or later, each by a number of samples of its own.

    What leaves the beginning or the length of the sound is lost, and silence follows
    it, so that lengths stay what they are.

    Args:
        most: samples to either side, 0 or more; all shifts are equally likely.

    Returns:
        A pure function `(key, sounds, lengths) -> sounds` of [batch, time].

    Raises:
        ValueError: at construction, for a negative or broken number.

    Example:
        >>> augment = shift_time(800)
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((2, 4000))).shape
        (2, 4000)
    """
    if most != int(most) or most < 0:
        raise ValueError(f'most is {most}, wanted 0 whole samples or more')

    def augment(key: Key, sounds: Array, lengths: Array | None = None) -> Array:
        _check(sounds, 2)
        batch, time = sounds.shape
        shift = jax.random.randint(fold(key, 'shift'), (batch,), -most, most + 1)
        places = jnp.arange(time)[None] - shift[:, None]
        ends = jnp.full((batch,), time) if lengths is None else lengths
        inside = (places >= 0) & (places < ends[:, None]) & _real(sounds, lengths)
        moved = jnp.take_along_axis(sounds, jnp.clip(places, 0, time - 1), axis=1)
        silent = jnp.where(_real(sounds, lengths), jnp.zeros_like(sounds), sounds)
        return jnp.where(inside, moved, silent)

    return augment


def mask_time(
    longest: int, masks: int = 2, fraction: float = 1.0, fill: float = 0.0
) -> SoundAugmentation:
    r"""Cover spans of frames, in all bands.

    Each span has $w \sim U\{0, \dots, \min(T, \lfloor p \tau \rfloor)\}$ frames of a
    sound of $\tau$, and begins at $U\{0, \dots, \tau - w\}$.

    Args:
        longest: $T$, frames of a span, 0 or more.
        masks: spans in each example, 1 or more; they may overlap.
        fraction: $p$, of the frames of a sound that a span covers at most, in [0, 1].
        fill: value of what is covered; the paper covers with the mean of the data, 0
            after normalisation.

    Returns:
        A pure function `(key, features, lengths) -> features` of [batch, frames,
        bands].

    Raises:
        ValueError: at construction, for a setting out of range.

    Reference:
        Park et al. (2019), SpecAugment: A Simple Data Augmentation Method for Automatic
        Speech Recognition, https://arxiv.org/abs/1904.08779; without the warping.

    Example:
        >>> augment = mask_time(10)
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((2, 50, 40))).shape
        (2, 50, 40)
    """
    _check_masks('longest', longest, masks)
    check_probability('fraction', fraction)

    def augment(key: Key, features: Array, lengths: Array | None = None) -> Array:
        _check(features, 3)
        batch, frames, _ = features.shape
        ends = jnp.full((batch,), frames) if lengths is None else lengths
        most = jnp.minimum(longest, jnp.floor(fraction * ends).astype(jnp.int32))
        covered = _spans(key, 'time', masks, most, ends, frames)
        return jnp.where(
            covered[:, :, None], jnp.asarray(fill, features.dtype), features
        )

    return augment


def mask_bands(widest: int, masks: int = 2, fill: float = 0.0) -> SoundAugmentation:
    """Cover neighbouring bands, in all frames; see `mask_time`.

    Args:
        widest: bands of a mask, 0 or more.
        masks: in each example, 1 or more; they may overlap.
        fill: value of what is covered.

    Returns:
        A pure function `(key, features, lengths) -> features` of [batch, frames,
        bands]; what stands past the lengths stays.

    Raises:
        ValueError: at construction, for a setting out of range.

    Reference:
        Park et al. (2019), SpecAugment: A Simple Data Augmentation Method for Automatic
        Speech Recognition, https://arxiv.org/abs/1904.08779

    Example:
        >>> augment = mask_bands(8)
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((2, 50, 40))).shape
        (2, 50, 40)
    """
    _check_masks('widest', widest, masks)

    def augment(key: Key, features: Array, lengths: Array | None = None) -> Array:
        _check(features, 3)
        batch, _, bands = features.shape
        ends = jnp.full((batch,), bands)
        most = jnp.minimum(widest, ends)
        covered = _spans(key, 'bands', masks, most, ends, bands)[:, None, :]
        covered = covered & _real(features, lengths)[:, :, None]
        return jnp.where(covered, jnp.asarray(fill, features.dtype), features)

    return augment


def _spans(
    key: Key, name: str, masks: int, most: Array, ends: Array, places: int
) -> Array:
    """Mark spans of at most so many places before the ends, [batch, places] bool."""
    covered = jnp.zeros((len(ends), places), bool)
    for mask in range(masks):
        draw = fold(key, name, mask)
        width = jax.random.randint(fold(draw, 'width'), ends.shape, 0, most + 1)
        start = jax.random.randint(fold(draw, 'start'), ends.shape, 0, ends - width + 1)
        place = jnp.arange(places)[None]
        covered |= (place >= start[:, None]) & (place < (start + width)[:, None])
    return covered


def _real(sounds: Array, lengths: Array | None) -> Array:
    """Mark what is no padding, [batch, time] bool."""
    if lengths is None:
        return jnp.ones(sounds.shape[:2], bool)
    return jnp.arange(sounds.shape[1])[None] < lengths[:, None]


def _check(sounds: Array, rank: int) -> None:
    if sounds.ndim != rank or not jnp.issubdtype(sounds.dtype, jnp.floating):
        form = '[batch, time]' if rank == 2 else '[batch, frames, bands]'
        raise ValueError(
            f'sounds are {sounds.dtype} of shape {sounds.shape}, wanted floats {form}: '
            'noise and shifts are for sounds, masks for their features'
        )


def _check_masks(name: str, size: int, masks: int) -> None:
    if size != int(size) or size < 0 or masks < 1:
        raise ValueError(
            f'{name} is {size} and masks is {masks}, wanted 0 whole ones or more and 1 '
            'mask or more'
        )
