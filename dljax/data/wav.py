"""Recordings in WAV files: read strictly, as one channel at one rate; and written."""

import math
import os
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

WHOLE, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE  # what the numbers of a file are
LARGEST = 2**30  # bytes of one file
STEPS = 2**20  # the largest number of a ratio of two rates: a filter has ten times it
_TYPES = {
    (WHOLE, 8): 'u1',
    (WHOLE, 16): '<i2',
    (WHOLE, 24): None,
    (WHOLE, 32): '<i4',
    (FLOAT, 32): '<f4',
}


class Sound(NamedTuple):
    """One recording.

    Attributes:
        audio: [time] float32, of whole numbers in [-1, 1).
        rate: samples in a second.
    """

    audio: np.ndarray
    rate: int


class _Form(NamedTuple):
    kind: int
    channels: int
    rate: int
    block: int
    bits: int


def read_wav(path: str | os.PathLike[str], rate: int | None = None) -> Sound:
    r"""Read a WAV file of 8, 16, 24 or 32 bits, or of floats of 32 bits.

    Whole numbers are divided by the largest, $2^{bits - 1}$; several channels are mixed
    down to their mean. At another rate than the file's the sound is resampled by a
    polyphase filter that lets nothing pass above half of the lower rate.

    Args:
        path: of the file.
        rate: samples in a second that are wanted; by default those of the file.

    Returns:
        The sound.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for what is no such WAV file, is damaged, cut off or empty, or holds
            numbers that are not finite; or a rate that cannot be brought to the
            one wanted, see `resample`.

    Reference:
        IBM, Microsoft (1991), Multimedia Programming Interface and Data Specifications
        1.0, https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + '/a.wav'
        >>> _ = write_wav(path, np.array([0.0, 0.5, -1.0]), 8000)
        >>> read_wav(path)
        Sound(audio=array([ 0. ,  0.5, -1. ], dtype=float32), rate=8000)
    """
    path = Path(path).expanduser()
    if rate is not None and rate < 1:
        raise ValueError(f'rate is {rate}, wanted 1 sample in a second or more')
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file '{path}', wanted a WAV file: check the path, seen from "
            f"'{Path.cwd()}'"
        )
    if path.stat().st_size > LARGEST:
        raise ValueError(
            f"'{path}' has {path.stat().st_size:,} bytes, wanted {LARGEST:,} or fewer: "
            'part the recording'
        )
    try:
        form, content = _parsed(path.read_bytes())
        audio = _samples(form, content)
    except ValueError as error:
        raise ValueError(f"'{path}' {error}") from None
    mixed = audio.reshape(-1, form.channels).mean(axis=1, dtype=np.float64)
    if rate is None or rate == form.rate:
        return Sound(mixed.astype(np.float32), form.rate)
    try:
        return Sound(resample(mixed, form.rate, rate), rate)
    except ValueError as error:
        raise ValueError(f"'{path}' {error}") from None


def resample(audio: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Give a sound another rate.

    Args:
        audio: [time] float.
        rate: samples in a second that it has.
        wanted: samples in a second that it is to have.

    Returns:
        [ceil(time * wanted / rate)] float32.

    Raises:
        ValueError: for rates whose ratio in lowest terms has a number above 2^20, or a
            sound that would be longer than a file may be.
    """
    from scipy.signal import resample_poly  # takes a while, and not all need it

    common = math.gcd(rate, wanted)
    if max(rate, wanted) // common > STEPS or 4 * len(audio) * wanted > LARGEST * rate:
        raise ValueError(
            f'has {rate:,} samples in a second and {len(audio):,} in all, wanted '
            f'{wanted:,} in a second: nothing near enough to be resampled'
        )
    made = resample_poly(np.asarray(audio, float), wanted // common, rate // common)
    return made.astype(np.float32)


def write_wav(path: str | os.PathLike[str], audio: np.ndarray, rate: int) -> Path:
    """Write a sound of one channel as whole numbers of 16 bits.

    Args:
        path: of the file; one that is there is replaced.
        audio: [time] float, cut to [-1, 1).
        rate: samples in a second.

    Returns:
        The path.

    Raises:
        ValueError: for another shape, or numbers that are not finite.
        OSError: if it cannot be written.
    """
    audio = np.asarray(audio)
    if audio.ndim != 1 or not np.isfinite(audio).all() or rate < 1:
        raise ValueError(
            f'audio has shape {audio.shape} at a rate of {rate}, wanted [time] of '
            'finite numbers and a rate of 1 or more'
        )
    whole = np.clip(np.round(audio * 2**15), -(2**15), 2**15 - 1).astype('<i2')
    content = whole.tobytes()
    head = struct.pack('<HHIIHH', WHOLE, 1, rate, 2 * rate, 2, 16)
    body = b'WAVE' + _chunk(b'fmt ', head) + _chunk(b'data', content)
    path = Path(path).expanduser()
    path.write_bytes(_chunk(b'RIFF', body))
    return path


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack('<I', len(content)) + content


def _parsed(content: bytes) -> tuple[_Form, bytes]:
    """Find the form and the samples among the chunks."""
    if not content:
        raise ValueError('is empty, wanted a WAV file')
    if content[:4] != b'RIFF' or content[8:12] != b'WAVE':
        raise ValueError(
            f'begins with {content[:12]!r}, wanted RIFF....WAVE: convert it to WAV'
        )
    place, form = 12, None
    while place + 8 <= len(content):
        name, size = (
            content[place : place + 4],
            *struct.unpack_from('<I', content, place + 4),
        )
        chunk = content[place + 8 : place + 8 + size]
        if len(chunk) < size and name in (b'fmt ', b'data'):
            raise ValueError(
                f'is cut off: of {size:,} bytes of {name.decode().strip()} there are '
                f'{len(chunk):,}, wanted the whole file: copy it again'
            )
        if name == b'fmt ':
            form = _form(chunk)
        if name == b'data':
            if form is None:
                raise ValueError('has samples before their form, wanted fmt first')
            return form, chunk
        place += 8 + size + size % 2
    missing = 'data' if form else 'fmt'
    raise ValueError(f"has no chunk '{missing}', wanted a WAV file: it is cut off")


def _form(chunk: bytes) -> _Form:
    if len(chunk) < 16:
        raise ValueError(f'has a form of {len(chunk)} bytes, wanted 16 or more')
    kind, channels, rate, _, block, bits = struct.unpack_from('<HHIIHH', chunk)
    if kind == EXTENSIBLE and len(chunk) >= 26:
        (kind,) = struct.unpack_from('<H', chunk, 24)
    if (kind, bits) not in _TYPES:
        raise ValueError(
            f'is of form {kind} with {bits} bits, wanted whole numbers (1) of 8, 16, '
            '24 or 32 bits or floats (3) of 32: convert it, as by ffmpeg -c:a pcm_s16le'
        )
    if not channels or not rate or block != channels * bits // 8:
        raise ValueError(
            f'says {channels} channels, {rate} samples in a second and {block} bytes '
            'for a sample of all, wanted numbers above 0 that fit together'
        )
    return _Form(kind, channels, rate, block, bits)


def _samples(form: _Form, content: bytes) -> np.ndarray:
    if len(content) % form.block:
        raise ValueError(
            f'holds {len(content):,} bytes of samples of {form.block}, wanted a '
            'multiple: it is cut off'
        )
    if not content:
        raise ValueError('holds no sample, wanted one or more')
    if form.bits == 24:
        # As the upper three bytes of 32 bits, so that the sign comes right.
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        return wide.view('<i4').ravel() / 2.0**31
    values = np.frombuffer(content, _TYPES[form.kind, form.bits])
    if form.kind == FLOAT:
        if not np.isfinite(values).all():
            raise ValueError('holds numbers that are not finite, wanted finite ones')
        return values
    if form.bits == 8:
        return (values.astype(float) - 128) / 128
    return values / 2.0 ** (form.bits - 1)
