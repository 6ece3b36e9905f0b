"""Speech to tokens: log-mel features, convolutions and recurrent layers (U3.8)."""

import functools

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import GRU, Dense, RecurrentStack, in_types, log_mel
from dljax.layers.checks import check_fractions
from dljax.layers.conv import Conv
from dljax.layers.mel import LogMel
from dljax.models.settings import check_sizes
from dljax.types import Array

_FLAT = 1e-5  # added to the variance of a recording, which may be silent
_MOST = 20.0  # what the rectifier is clipped to
_log_mel = functools.lru_cache(maxsize=64)(log_mel)


class SpeechCTC(nn.Module):
    r"""Log-mel features, strided convolutions and recurrent layers, for CTC (U3.8).

    The features of a recording are normalised by the mean and the variance of its true
    frames, all bands together: the loudness is gone, the spectrum stays. Convolutions
    over time and frequency with $\min(\max(0, x), 20)$, then recurrent layers in both
    directions; each step of these gives the logits of the tokens and of the blank,
    which is class 0, as the padding of a vocabulary is. What stands in the padding of
    a recording, and how wide that is, changes nothing.

    Attributes:
        tokens: the number of logits, the blank 0 among them, at least 2.
        rate: samples in a second.
        bands: of the log-mel features.
        window: samples of a frame; None for 25 ms.
        hop: samples from one frame to the next; None for 10 ms.
        floor: of the energy of a band; below it all is silence.
        features: filters of each convolution.
        kernel_sizes: (frames, bands) of each convolution, odd numbers.
        strides: (frames, bands) of each convolution.
        stack: the recurrent layers.
        dropout: the probability in [0, 1) with which an element of what goes into the
            recurrent layers, or comes out of them, is dropped.
        dtype: the type of the computation; None takes that of the parameters. The
            features are computed in float32.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights of convolutions and output.

    Raises:
        ValueError: for a size or a dropout out of range, convolutions of other numbers,
            even kernels, or features that `layers.log_mel` refuses.

    Reference:
        Amodei et al. (2015), Deep Speech 2: End-to-End Speech Recognition in English
        and Mandarin, https://arxiv.org/abs/1512.02595; here log-mel features in the
        place of a spectrogram, kernels of as many hertz, GRUs with their reset after
        the product, and no batch normalisation.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = SpeechCTC(tokens=5, features=(4, 4), stack=RecurrentStack(GRU(8)))
        >>> sound, length = jnp.ones((2, 4000)), jnp.array([4000, 1600])
        >>> logits, _ = net.init_with_output(jax.random.key(0), sound, length)
        >>> print(logits.shape, net.frames(length))
        (2, 26, 5) [26 11]
    """

    tokens: int = 29
    rate: int = 8000
    bands: int = 40
    window: int | None = None
    hop: int | None = None
    floor: float = 1e-6
    features: tuple[int, ...] = (32, 32)
    kernel_sizes: tuple[tuple[int, int], ...] = ((11, 11), (11, 5))
    strides: tuple[tuple[int, int], ...] = ((2, 2), (1, 2))
    stack: RecurrentStack = RecurrentStack(GRU(128), layers=2, bidirectional=True)
    dropout: float = 0.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.he_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.tokens < 2:
            raise ValueError(
                f'tokens is {self.tokens}, wanted at least 2: the blank and one more'
            )
        forms = self.features, self.kernel_sizes, self.strides
        if not self.features or len(set(map(len, forms))) > 1:
            raise ValueError(
                f'features are {self.features}, kernel_sizes {self.kernel_sizes} and '
                f'strides {self.strides}, wanted one of each for each convolution'
            )
        check_sizes(
            features=self.features,
            kernel_sizes=self.kernel_sizes,
            strides=self.strides,
        )
        if any(size % 2 == 0 for pair in self.kernel_sizes for size in pair):
            raise ValueError(
                f'kernel_sizes are {self.kernel_sizes}, wanted odd numbers, as many '
                'frames before one as after it'
            )
        check_fractions(dropout=self.dropout)
        self._mel()

    def _mel(self) -> LogMel:
        return _log_mel(
            self.rate,
            bands=self.bands,
            window=self.window,
            hop=self.hop,
            floor=self.floor,
        )

    def setup(self) -> None:
        """Make the layers."""
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.convolutions = [
            Conv(
                features,
                size,
                stride,
                # That of 'SAME' would follow the width of the padded batch.
                padding=[(extent // 2, extent // 2) for extent in size],
                kernel_init=self.kernel_init,
                name=f'convolution_{number}',
                **types,
            )
            for number, (features, size, stride) in enumerate(
                zip(self.features, self.kernel_sizes, self.strides, strict=True)
            )
        ]
        self.recurrent = in_types(self.stack, self.dtype, self.param_dtype)
        self.drop = nn.Dropout(self.dropout)
        self.output = Dense(self.tokens, kernel_init=self.kernel_init, **types)

    @nn.nowrap
    def frames(self, length: Array | int) -> Array:
        """Tell of how many frames the logits of a recording are.

        Args:
            length: [...] integers, samples.

        Returns:
            [...] int32, 1 or more.

        Example:
            >>> print(SpeechCTC().frames(8000))
            51
        """
        hop = round(0.01 * self.rate) if self.hop is None else self.hop
        count = 1 + jnp.asarray(length, jnp.int32) // hop
        for stride, _ in self.strides:
            count = -(-count // stride)
        return count

    @nn.nowrap
    def hear(self, sound: Array, length: Array | None = None) -> tuple[Array, Array]:
        """Compute the normalised log-mel features, without a parameter.

        Args:
            sound: [batch, time] float, padded at the end.
            length: [batch] int32 in [1, time], true samples; None for all.

        Returns:
            [batch, 1 + time // hop, bands] float32, 0 past the true frames; and the
            number of these, [batch] int32.
        """
        values, frames = self._mel()(sound, length)
        real = _real(values, frames)[:, :, None]
        count = (frames * self.bands).astype(jnp.float32)[:, None, None]
        mean = values.sum(axis=(1, 2), keepdims=True) / count
        values = jnp.where(real, values - mean, 0.0)
        variance = jnp.square(values).sum(axis=(1, 2), keepdims=True) / count
        return values * jax.lax.rsqrt(variance + _FLAT), frames

    def read(self, features: Array, frames: Array, *, train: bool = False) -> Array:
        """Compute the logits from the features, masked or not.

        Args:
            features: [batch, frames, bands] float, of `hear`.
            frames: [batch] int32, true ones.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, frames of the output, tokens] logits.
        """
        chex.assert_shape(features, (None, None, self.bands))
        chex.assert_shape(frames, (features.shape[0],))
        maps = features[..., None]
        if self.dtype is not None:
            maps = maps.astype(self.dtype)
        for convolution, (stride, _) in zip(
            self.convolutions, self.strides, strict=True
        ):
            frames = -(-frames // stride)
            maps = jnp.clip(convolution(maps), 0, _MOST)
            maps = jnp.where(_real(maps, frames)[:, :, None, None], maps, 0)
        batch, time, _, _ = maps.shape
        steps = self.drop(maps.reshape(batch, time, -1), deterministic=not train)
        states, _ = self.recurrent(steps, lengths=frames, train=train)
        return self.output(self.drop(states, deterministic=not train))

    def __call__(
        self, sound: Array, length: Array | None = None, *, train: bool = False
    ) -> Array:
        """Compute the logits.

        Args:
            sound: [batch, time] float32, about in [-1, 1], padded at the end.
            length: [batch] int32 in [1, time], true samples; None for all.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, frames(time), tokens] logits; those past `frames(length)` are
            without meaning.
        """
        return self.read(*self.hear(sound, length), train=train)


def _real(values: Array, frames: Array) -> Array:
    return jnp.arange(values.shape[1])[None] < frames[:, None]
