"""What JPEG and WebP make of pictures within so many bits, to compare coders with."""

import dataclasses
import functools
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from dljax.experiment import Outcome

Codec = Literal['jpeg', 'webp']
# Of a coder, [members, pictures] each: 'bits' of a pixel as the codes are, those by the
# 'prior', and 'psnr'; and what the first member has 'rebuilt'.
Found = dict[str, np.ndarray | list[np.ndarray]]
Coders = Callable[[Outcome], dict[str, Found]]
QUALITIES = (1, 3, 5, 8, 12, 16, 20, 25, 30, 40, 50, 60, 70, 80, 90)
# RIFF and chunk headers (20 bytes) and the header of a frame (10), which no picture
# does without; the rest of the file is compressed.
_WEBP_HEADER = 30
_SCAN = b'\xff\xda'  # of JPEG: what is before it is sizes and tables that are the same


@dataclasses.dataclass(frozen=True)
class Compressed:
    """A picture as a codec gives it back.

    Attributes:
        picture: [height, width, channel] uint8.
        bits: that its compressed part takes, without headers and standard tables.
    """

    picture: np.ndarray
    bits: int


def compress(picture: np.ndarray, codec: Codec, quality: int) -> Compressed:
    """Compress a picture by Pillow and give it back.

    Headers are not counted, as they would weigh on small pictures and a receiver who
    knows what is sent needs none: of JPEG with its standard tables the scan is counted,
    of WebP all but 30 bytes.

    Args:
        picture: [height, width, 1 or 3] uint8.
        codec: 'jpeg', with colours at half the resolution, or 'webp'.
        quality: from 1, the fewest bits, to 95.

    Returns:
        The picture and its bits.

    Raises:
        ValueError: for another codec, type or number of channels.

    Example:
        >>> grey = np.full((16, 16, 1), 128, np.uint8)
        >>> compress(grey, 'jpeg', 50).picture.shape
        (16, 16, 1)
    """
    # Not before: whoever imports the room need not have Pillow.
    from PIL import Image

    if codec not in ('jpeg', 'webp'):
        raise ValueError(f"codec is '{codec}', wanted 'jpeg' or 'webp'")
    grey = picture.shape[-1:] == (1,)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (1, 3):
        raise ValueError(
            f'the picture is {picture.dtype} of shape {picture.shape}, wanted uint8 of '
            '[height, width, 1 or 3]'
        )
    image = Image.fromarray(picture[..., 0] if grey else picture)
    file = io.BytesIO()
    image.save(file, codec.upper(), quality=quality)
    data = file.getvalue()
    size = len(data) - (data.index(_SCAN) if codec == 'jpeg' else _WEBP_HEADER)
    with Image.open(file) as back:
        pixels = np.asarray(back.convert('L' if grey else 'RGB'))
    return Compressed(pixels.reshape(picture.shape), 8 * size)


def codec_curve(pictures: Sequence[np.ndarray], codec: Codec) -> dict[str, np.ndarray]:
    """Measure what a codec makes of pictures at each of several qualities.

    Args:
        pictures: [height, width, channel] uint8 each.
        codec: 'jpeg' or 'webp'.

    Returns:
        'bits', those of a pixel, and 'psnr' in dB, means over the pictures, [qualities]
        each.
    """
    bits, psnr = [], []
    for quality in QUALITIES:
        found = [compress(picture, codec, quality) for picture in pictures]
        bits.append([f.bits / f.picture[..., 0].size for f in found])
        psnr.append(
            [psnr_of(f.picture, p) for f, p in zip(found, pictures, strict=True)]
        )
    return {'bits': np.mean(bits, axis=1), 'psnr': np.mean(psnr, axis=1)}


def psnr_at(bits: float, curve: Mapping[str, np.ndarray]) -> float:
    """Read the PSNR at a rate off a curve, linear in the logarithm of the bits.

    Args:
        bits: of a pixel. At fewer than the curve begins with, its first value is given,
            which took more bits; at more, its last one.
        curve: of `codec_curve`.

    Returns:
        The PSNR in dB.

    Example:
        >>> curve = {'bits': np.array([0.1, 1.0]), 'psnr': np.array([20.0, 30.0])}
        >>> psnr_at(1.0, curve), psnr_at(0.01, curve)
        (30.0, 20.0)
    """
    order = np.argsort(curve['bits'])
    return float(
        np.interp(
            np.log(bits), np.log(curve['bits'][order]), np.asarray(curve['psnr'])[order]
        )
    )


def within_bits(picture: np.ndarray, codec: Codec, bits: float) -> Compressed:
    """Compress a picture as well as a codec can within a rate.

    Args:
        picture: [height, width, channel] uint8.
        codec: 'jpeg' or 'webp'.
        bits: of a pixel.

    Returns:
        The best within the rate; where none is, that of the fewest bits.
    """
    each = functools.partial(compress, picture, codec)
    best = each(1)
    for quality in range(2, 96):
        found = each(quality)
        if found.bits > bits * picture[..., 0].size:
            break
        best = found
    return best


def psnr_of(picture: np.ndarray, truth: np.ndarray) -> float:
    """Compare two pictures of 8 bits.

    Args:
        picture: [height, width, channel] uint8.
        truth: the true one, of the shape of `picture`.

    Returns:
        The PSNR in dB; infinite for a copy.
    """
    error = np.square(picture.astype(np.float64) - truth).mean()
    return float(20 * np.log10(255) - 10 * np.log10(error)) if error else float('inf')
