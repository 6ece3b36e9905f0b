"""From the file of one picture to an array, or a plain word why not."""

import contextlib
import os
import stat
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFile

from dljax.data.builders.listing import File

FORMATS = ('BMP', 'GIF', 'JPEG', 'PNG', 'TIFF', 'WEBP')
_GREY = ('1', 'L', 'LA', 'La')
_COLOUR = ('P', 'PA', 'RGB', 'RGBA', 'RGBX', 'RGBa', 'CMYK', 'YCbCr')
_ALPHA = ('LA', 'La', 'PA', 'RGBA', 'RGBa')
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION, _BITS, _PHOTOMETRIC = 274, 258, 262  # tags of EXIF and TIFF


class Recipe(NamedTuple):
    """How pictures become arrays of one form.

    Attributes:
        channels: 1 or 3.
        dtype: 'uint8' or 'uint16'; the latter with one channel only.
        size: (height, width) of the result, or `None` for the picture's own.
        crop: fraction of the largest window of that shape that is kept, in (0, 1], or
            `None` to stretch the whole picture.
        background: what shines through where a picture is transparent, 0 to 255.
    """

    channels: int
    dtype: str
    size: tuple[int, int] | None
    crop: float | None
    background: int


@contextlib.contextmanager
def picture(root: str, file: File) -> Iterator[Image.Image]:
    """Open a picture that is still the file that was listed; no link is followed.

    Args:
        root: the folder.
        file: in it.

    Yields:
        The picture, of which only the header was read.

    Raises:
        ValueError: for a file that has changed, a picture beyond Pillow's limit of
            pixels, several in one file, or one of a kind that is not understood.
        Exception: of many types, from Pillow, for a damaged file.
    """
    flags = os.O_RDONLY | getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_BINARY', 0)
    handle = os.open(os.path.join(root, file.path), flags)
    with os.fdopen(handle, 'rb') as opened:
        facts = os.fstat(handle)
        same = (facts.st_size, facts.st_mtime_ns) == (file.size, file.modified)
        if not (same and stat.S_ISREG(facts.st_mode)):
            raise ValueError('has changed while the folder was being read')
        if not file.size:
            raise ValueError('is empty')
        with _strict(), Image.open(opened, formats=FORMATS) as image:
            # Phones put a preview behind the photograph: not a film.
            if image.format != 'MPO' and getattr(image, 'is_animated', False):
                raise ValueError('holds several pictures, wanted one')
            kind(image)
            yield image


def kind(image: Image.Image) -> tuple[bool, bool]:
    """Tell whether a picture is grey, and whether it has 16 bits.

    Args:
        image: of which only the header needs to have been read.

    Raises:
        ValueError: for a kind that cannot be brought to 8 or 16 bits by rule.
    """
    mode = image.mode
    # PNG has no more than 16 bits, which older Pillows call 'I'.
    if mode.startswith('I;16') or (mode == 'I' and image.format == 'PNG'):
        tags = getattr(image, 'tag_v2', {})
        if tags.get(_BITS, (16,)) != (16,) or tags.get(_PHOTOMETRIC, 1) != 1:
            raise ValueError('is a TIFF of 12 bits or with white at 0, wanted 16 bits')
        if 'transparency' in image.info:
            raise ValueError('has 16 bits and a transparent grey, wanted no such grey')
        return True, True
    if mode not in _GREY + _COLOUR:
        raise ValueError(
            f"is of Pillow's mode '{mode}', wanted grey of 1, 8 or 16 bits, a palette, "
            'RGB or CMYK'
        )
    return mode in _GREY, False


def pixels(image: Image.Image, recipe: Recipe) -> np.ndarray:
    """Read the pixels of a picture: upright, opaque, in the form that is asked for.

    Args:
        image: as `picture` gives it.
        recipe: the form.

    Returns:
        [height, width, channels] uint8 or uint16.

    Raises:
        Exception: of many types, from Pillow, for damaged pixels.
    """
    grey, deep = kind(image)
    image.load()  # TIFF is turned here already
    turn = _TURNS.get(_orientation(image))
    image = image if turn is None else image.transpose(turn)
    values = _deep(image, recipe) if deep else _plain(image, grey, recipe)
    if recipe.channels == 1 and values.ndim == 3:
        values = np.asarray(Image.fromarray(values).convert('L'))
    if recipe.channels == 3 and values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    if recipe.size is not None:
        values = _resized(values, recipe.size, recipe.crop)
    return values if values.ndim == 3 else values[..., None]


@contextlib.contextmanager
def _strict() -> Iterator[None]:
    """Let Pillow refuse what is truncated or too large; TFDS turns off the former."""
    lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            warnings.simplefilter('error', Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ValueError(
            f"has more pixels than Pillow's limit ({error}): shrink it"
        ) from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def _orientation(image: Image.Image) -> int:
    """Read which side is up; a damaged entry says nothing about the pixels."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1


def _deep(image: Image.Image, recipe: Recipe) -> np.ndarray:
    """Give 16-bit grey as [height, width] of the recipe's type."""
    values = np.asarray(image).astype(np.uint32)
    if recipe.dtype == 'uint8':
        values = (values * 255 + 32767) // 65535  # the nearest, where Pillow clips
    return values.astype(recipe.dtype)


def _plain(image: Image.Image, grey: bool, recipe: Recipe) -> np.ndarray:
    """Give 8 bits as [height, width] or [height, width, 3] of the recipe's type."""
    if image.mode in _ALPHA or 'transparency' in image.info:
        values = np.asarray(image.convert('LA' if grey else 'RGBA')).astype(np.uint32)
        alpha = values[..., -1:]
        values = values[..., :-1] * alpha + recipe.background * (255 - alpha)
        values = ((values + 127) // 255).astype(np.uint8)
        values = values[..., 0] if grey else values
    else:
        values = np.asarray(image.convert('L' if grey else 'RGB'))
    if recipe.dtype == 'uint16':
        values = values.astype(np.uint16) * 257  # 255 becomes 65535
    return values


def _resized(
    values: np.ndarray, size: tuple[int, int], crop: float | None
) -> np.ndarray:
    """Resize the middle of a picture bilinearly, with antialiasing."""
    height, width = values.shape[:2]
    if crop is None:
        kept = (height, width)
    else:
        scale = crop * min(height / size[0], width / size[1])
        kept = (size[0] * scale, size[1] * scale)
    top, left = (height - kept[0]) / 2, (width - kept[1]) / 2
    box = (left, top, left + kept[1], top + kept[0])
    # Pillow resizes 16 bits as floats alone.
    image = Image.fromarray(
        values.astype(np.float32) if values.dtype == np.uint16 else values
    )
    image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box)
    if values.dtype == np.uint16:
        return np.rint(np.asarray(image)).clip(0, 65535).astype(np.uint16)
    return np.asarray(image)
