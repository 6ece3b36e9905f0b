"""Log-mel features of sounds: energies of bands as wide as the ear tells them apart."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dljax.types import Array

_LINEAR = 1000.0  # Hz below which a mel is a number of Hz
_WIDTH = 200 / 3  # Hz a mel there
_STEP = np.log(6.4) / 27  # of the logarithm of Hz a mel above

# ([batch, time], [batch] or None) -> ([batch, frames, bands], [batch]).
LogMel = Callable[[Array, Array | None], tuple[Array, Array]]


def to_mel(hertz: np.ndarray | float) -> np.ndarray:
    r"""Give the mels of frequencies, on the scale of Slaney's Auditory Toolbox.

    $m = 3 f / 200$ below 1,000 Hz, and $15 + 27 \ln(f / 1000) / \ln 6.4$ above.

    Args:
        hertz: [...] of 0 or more.

    Returns:
        [...] float64.

    Reference:
        Slaney (1998), Auditory Toolbox, version 2, Technical Report 1998-010,
        https://engineering.purdue.edu/~malcolm/interval/1998-010/

    Example:
        >>> print(to_mel(np.array([60.0, 440.0, 1000.0, 6400.0])))
        [ 0.9  6.6 15.  42. ]
    """
    hertz = np.asarray(hertz, np.float64)
    above = np.log(np.maximum(hertz, _LINEAR) / _LINEAR) / _STEP
    return np.minimum(hertz, _LINEAR) / _WIDTH + above


def from_mel(mels: np.ndarray | float) -> np.ndarray:
    """Give the frequencies of mels; see `to_mel`.

    Args:
        mels: [...] of 0 or more.

    Returns:
        [...] float64, in Hz.

    Example:
        >>> print(from_mel(np.array([3.0, 15.0])))
        [ 200. 1000.]
    """
    mels = np.asarray(mels, np.float64)
    corner = _LINEAR / _WIDTH
    below = np.minimum(mels, corner) * _WIDTH
    return below * np.exp(_STEP * np.maximum(mels - corner, 0.0))


def mel_filters(
    rate: int, fft: int, bands: int, low: float = 0.0, high: float | None = None
) -> np.ndarray:
    r"""Make triangular filters at equal distances in mels, each of the same area.

    With corners $c_0 \dots c_{B+1}$ in Hz the filter $b$ rises from $c_b$ to $c_{b+1}$
    and falls to $c_{b+2}$; its height is $2 / (c_{b+2} - c_b)$.

    Args:
        rate: samples in a second.
        fft: samples of a transform.
        bands: filters, 1 or more.
        low: of the first corner, in Hz.
        high: of the last corner, in Hz; by default half of the rate.

    Returns:
        [fft // 2 + 1, bands] float32.

    Raises:
        ValueError: for a setting out of range, or a filter between two frequencies of
            the transform, which would hear nothing.

    Reference:
        Slaney (1998), Auditory Toolbox, version 2, Technical Report 1998-010,
        https://engineering.purdue.edu/~malcolm/interval/1998-010/

    Example:
        >>> filters = mel_filters(8000, 256, 40)
        >>> filters.shape, bool((filters.sum(0) > 0).all())
        ((129, 40), True)
    """
    high = rate / 2 if high is None else high
    if bands < 1 or fft < 2 or not 0 <= low < high <= rate / 2:
        raise ValueError(
            f'bands is {bands}, fft {fft}, low {low} and high {high} at a rate of '
            f'{rate}, wanted 1 band or more, 2 samples or more and '
            f'0 <= low < high <= {rate / 2:g} Hz'
        )
    corners = from_mel(np.linspace(to_mel(low), to_mel(high), bands + 2))
    places = np.arange(fft // 2 + 1)[:, None] * (rate / fft)
    left, middle, right = (corners[None, i : i + bands] for i in range(3))
    rising = (places - left) / (middle - left)
    falling = (right - places) / (right - middle)
    filters = np.maximum(0.0, np.minimum(rising, falling)) * (2 / (right - left))
    deaf = int((filters.max(0) == 0).sum())
    if deaf:
        raise ValueError(
            f'{deaf} of {bands} bands lie between two frequencies {rate / fft:g} Hz '
            'apart, wanted each to hear one: take fewer bands, or a larger fft'
        )
    return filters.astype(np.float32)


def log_mel(
    rate: int,
    *,
    bands: int = 80,
    window: int | None = None,
    hop: int | None = None,
    fft: int | None = None,
    low: float = 0.0,
    high: float | None = None,
    floor: float = 1e-10,
) -> LogMel:
    r"""Make what turns sounds into log-mel features, on the device.

    $\ln \max(\sum_k |X_t(k)|^2 F_{kb}, \epsilon)$ with the filters $F$ of `mel_filters`
    and the transform $X_t$ of the samples around sample $t \cdot \text{hop}$, under a
    Hann window; before its beginning and after its end a sound is 0. So padding
    changes nothing, whatever stands in it.

    Args:
        rate: samples in a second.
        bands: features of a frame, 1 or more.
        window: samples of a frame; by default 25 ms.
        hop: samples from one frame to the next; by default 10 ms.
        fft: samples of a transform, in the middle of which the window lies; by default
            the next power of two.
        low: Hz where the first band begins.
        high: Hz where the last band ends; by default half of the rate.
        floor: of an energy, above 0.

    Returns:
        A pure function `(audio, lengths) -> (features, frames)`: audio [batch, time]
        float; lengths [batch] integers, samples, or None where all is sound; features
        [batch, 1 + time // hop, bands] float32, 0 past the frames of an example;
        frames [batch] int32, 1 + length // hop.

    Raises:
        ValueError: at construction, for a setting out of range.

    Reference:
        Davis, Mermelstein (1980), Comparison of Parametric Representations for
        Monosyllabic Word Recognition, https://doi.org/10.1109/TASSP.1980.1163420; of
        these the energies alone, and the filters of `mel_filters`.

    Example:
        >>> features = jax.jit(log_mel(8000, bands=40))
        >>> values, frames = features(jnp.ones((2, 8000)), jnp.array([8000, 4000]))
        >>> values.shape, frames.tolist()
        ((2, 101, 40), [101, 51])
    """
    window = round(0.025 * rate) if window is None else window
    hop = round(0.01 * rate) if hop is None else hop
    fft = 1 << (max(window, 2) - 1).bit_length() if fft is None else fft
    if rate < 1 or not 2 <= window <= fft or hop < 1 or not floor > 0:
        raise ValueError(
            f'rate is {rate}, window {window}, hop {hop}, fft {fft} and floor {floor}, '
            'wanted 2 <= window <= fft, and the others above 0'
        )
    filters = mel_filters(rate, fft, bands, low, high)
    shape = np.zeros(fft, np.float32)
    first = (fft - window) // 2
    turn = 2 * np.pi * np.arange(window) / window
    shape[first : first + window] = 0.5 - 0.5 * np.cos(turn)

    def features(audio: Array, lengths: Array | None = None) -> tuple[Array, Array]:
        if audio.ndim != 2 or not jnp.issubdtype(audio.dtype, jnp.floating):
            raise ValueError(
                f'audio is {audio.dtype} of shape {audio.shape}, wanted floats '
                '[batch, time]'
            )
        batch, time = audio.shape
        count = 1 + time // hop
        sound = audio.astype(jnp.float32)
        if lengths is None:
            frames = jnp.full((batch,), count, jnp.int32)
        else:
            frames = 1 + lengths.astype(jnp.int32) // hop
            sound = jnp.where(jnp.arange(time)[None] < lengths[:, None], sound, 0.0)
        sound = jnp.pad(sound, [(0, 0), (fft // 2, fft)])
        places = hop * np.arange(count)[:, None] + np.arange(fft)[None, :]
        pieces = sound[:, places] * shape[None, None]
        found = jnp.fft.rfft(pieces)
        power = jnp.square(found.real) + jnp.square(found.imag)
        energies = jnp.matmul(power, filters, precision=jax.lax.Precision.HIGHEST)
        values = jnp.log(jnp.maximum(energies, floor))
        real = jnp.arange(count)[None] < frames[:, None]
        return jnp.where(real[..., None], values, 0.0), frames

    return features
