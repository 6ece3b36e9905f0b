"""One file of a picture: what its pixels become, and what is refused."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from dljax.data.builders.listing import File
from dljax.data.builders.picture import Recipe, picture, pixels

GREY = Recipe(channels=1, dtype='uint8', size=None, crop=1.0, background=255)
COLOUR = GREY._replace(channels=3)
DEEP = GREY._replace(dtype='uint16')
RANDOM = np.random.default_rng(0)
LEVELS = RANDOM.integers(0, 256, (5, 7), np.uint8)
COLOURS = RANDOM.integers(0, 256, (5, 7, 3), np.uint8)


def read(path: Path, recipe: Recipe) -> np.ndarray:
    facts = path.stat()
    file = File(path.name, facts.st_size, facts.st_mtime_ns, 0)
    with picture(str(path.parent), file) as image:
        return pixels(image, recipe)


@pytest.mark.parametrize('ending', ['png', 'bmp', 'tiff', 'gif'])
def test_grey_of_lossless_formats_is_kept_to_the_bit(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f'a.{ending}'
    Image.fromarray(LEVELS).save(path)
    np.testing.assert_array_equal(read(path, GREY)[..., 0], LEVELS)
    three = read(path, COLOUR)
    np.testing.assert_array_equal(three, np.repeat(LEVELS[..., None], 3, 2))


@pytest.mark.parametrize(
    'ending, settings',
    [('png', {}), ('bmp', {}), ('tiff', {}), ('webp', {'lossless': True})],
)
def test_colour_of_lossless_formats_is_kept_to_the_bit(
    ending: str, settings: dict, tmp_path: Path
) -> None:
    path = tmp_path / f'a.{ending}'
    Image.fromarray(COLOURS).save(path, **settings)
    np.testing.assert_array_equal(read(path, COLOUR), COLOURS)


def test_jpeg_is_what_pillow_decodes_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'  # the content decides
    Image.fromarray(COLOURS).save(path, format='JPEG')
    with Image.open(path) as image:
        np.testing.assert_array_equal(read(path, COLOUR), np.asarray(image))


def test_a_photograph_with_a_preview_behind_it_is_one_picture(tmp_path: Path) -> None:
    path = tmp_path / 'a.jpg'
    preview = Image.fromarray(COLOURS[:2, :2])
    whole = Image.fromarray(COLOURS)
    whole.save(path, format='MPO', save_all=True, append_images=[preview])
    with Image.open(path) as image:
        assert image.n_frames == 2
        np.testing.assert_array_equal(read(path, COLOUR), np.asarray(image))


def test_grey_from_colour_is_the_luma_of_itu_601(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    Image.fromarray(COLOURS).save(path)
    luma = COLOURS @ np.array([0.299, 0.587, 0.114])
    assert np.abs(read(path, GREY)[..., 0] - luma).max() <= 0.51


@pytest.mark.parametrize('ending', ['png', 'tiff'])
def test_sixteen_bits_of_grey_are_kept_or_rounded_and_never_clipped(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f'a.{ending}'
    values = np.array([[0, 1, 128, 129, 255], [256, 700, 32768, 65000, 65535]])
    Image.fromarray(values.astype(np.uint16)).save(path)
    kept = read(path, DEEP)
    assert kept.dtype == np.uint16
    np.testing.assert_array_equal(kept[..., 0], values)
    rounded = read(path, GREY)
    assert rounded.dtype == np.uint8
    np.testing.assert_array_equal(rounded[..., 0], np.rint(values / 257))


def test_eight_bits_fill_the_range_of_sixteen(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    Image.fromarray(LEVELS).save(path)
    np.testing.assert_array_equal(read(path, DEEP)[..., 0], LEVELS.astype(int) * 257)


def test_sixteen_bits_of_colour_give_their_upper_eight(tmp_path: Path) -> None:
    deep = (COLOURS.astype(int) * 256 + 177).astype('>u2')
    path = tmp_path / 'a.png'
    path.write_bytes(png_of(deep, bits=16, kind=2))
    np.testing.assert_array_equal(read(path, COLOUR), COLOURS)


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    bits = LEVELS > 99
    Image.fromarray(bits).save(path)
    with Image.open(path) as image:
        assert image.mode == '1'
    np.testing.assert_array_equal(read(path, GREY)[..., 0], bits * 255)


@pytest.mark.parametrize('ending', ['png', 'gif', 'bmp'])
def test_a_palette_is_written_out(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f'a.{ending}'
    colours = np.array([[250, 0, 3], [0, 99, 0], [1, 2, 200]], np.uint8)
    index = LEVELS % 3
    image = Image.fromarray(index).convert('P')
    image.putpalette(colours.tobytes())
    image.save(path)
    np.testing.assert_array_equal(read(path, COLOUR), colours[index])


@pytest.mark.parametrize('background', [0, 100, 255])
def test_what_is_transparent_is_laid_on_the_background(
    background: int, tmp_path: Path
) -> None:
    alpha = LEVELS.copy()
    alpha[0, :2] = 0, 255
    path = tmp_path / 'a.png'
    Image.fromarray(np.dstack([COLOURS, alpha])).save(path)
    fraction = alpha[..., None] / 255
    wanted = COLOURS * fraction + background * (1 - fraction)
    got = read(path, COLOUR._replace(background=background))
    assert np.abs(got - wanted).max() <= 0.501
    np.testing.assert_array_equal(got[0, 0], [background] * 3)
    np.testing.assert_array_equal(got[0, 1], COLOURS[0, 1])
    Image.fromarray(np.dstack([COLOURS[..., 0], alpha])).save(path)
    grey = read(path, GREY._replace(background=background))
    np.testing.assert_array_equal(grey[..., 0], got[..., 0])


def test_a_colour_that_is_declared_transparent_is_so(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    colours = COLOURS.copy()
    colours[2, 3] = 10, 20, 30
    Image.fromarray(colours).save(path, transparency=(10, 20, 30))
    black = read(path, COLOUR._replace(background=0))
    assert black[2, 3].tolist() == [0, 0, 0]
    black[2, 3] = 10, 20, 30
    np.testing.assert_array_equal(black, colours)
    image = Image.fromarray(LEVELS % 3).convert('P')
    image.putpalette(bytes([9, 9, 9, 50, 60, 70, 80, 90, 99]))
    image.save(path, transparency=1)
    wanted = np.array([[9, 9, 9], [255, 255, 255], [80, 90, 99]])[LEVELS % 3]
    np.testing.assert_array_equal(read(path, COLOUR), wanted)


def test_cmyk_is_written_out_by_the_plain_formula(tmp_path: Path) -> None:
    path = tmp_path / 'a.tiff'
    inks = np.zeros((1, 2, 4), np.uint8)
    inks[0, 1] = 255, 0, 0, 0  # cyan alone takes all red away
    Image.fromarray(inks, 'CMYK').save(path)
    assert read(path, COLOUR).tolist() == [[[255, 255, 255], [0, 255, 255]]]


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('ending', ['jpg', 'png', 'tiff'])
def test_pictures_are_turned_upright(
    ending: str, orientation: int, tmp_path: Path
) -> None:
    # The upright picture is bright above and brighter at the left.
    upright = np.full((16, 32), 40, np.uint8)
    upright[:8] = 160
    upright[:8, :16] = 250
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f'a.{ending}'
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    got = read(path, GREY)[..., 0]
    assert got.shape == upright.shape
    assert np.abs(got.astype(int) - upright).max() <= 3


def test_a_damaged_orientation_does_not_cost_the_picture(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    Image.fromarray(LEVELS).save(path, exif=b'Exif\0\0nonsense')
    np.testing.assert_array_equal(read(path, GREY)[..., 0], LEVELS)


def test_the_middle_of_the_wanted_shape_is_resized_or_all_is_stretched(
    tmp_path: Path,
) -> None:
    path = tmp_path / 'a.png'
    wide = np.zeros((8, 24), np.uint8)
    wide[:, :8], wide[:, 16:] = 100, 200
    Image.fromarray(wide).save(path)
    middle = read(path, GREY._replace(size=(8, 8)))[..., 0]
    np.testing.assert_array_equal(middle, np.zeros((8, 8)))  # the middle third
    kept = read(path, GREY._replace(size=(8, 24)))[..., 0]
    np.testing.assert_array_equal(kept, wide)
    stretched = read(path, GREY._replace(size=(4, 6), crop=None))[..., 0]
    assert stretched.shape == (4, 6)
    assert abs(stretched.mean() - 100) < 2 and stretched[0, 0] == 100
    assert stretched[0, -1] == 200


def test_a_fraction_of_the_window_is_that_of_imagenet(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    Image.fromarray(RANDOM.integers(0, 256, (300, 450), np.uint8)).save(path)
    with Image.open(path) as image:
        shrunk = image.resize((384, 256), Image.Resampling.BILINEAR)
        wanted = np.asarray(shrunk.crop((80, 16, 80 + 224, 16 + 224)))
    got = read(path, GREY._replace(size=(224, 224), crop=0.875))[..., 0]
    assert np.abs(got.astype(int) - wanted).max() <= 1


def test_sixteen_bits_are_resized_without_a_loss_of_range(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    Image.fromarray(np.array([[0, 65535], [1000, 3000]], np.uint16)).save(path)
    got = read(path, DEEP._replace(size=(1, 1)))
    assert got.dtype == np.uint16 and abs(int(got[0, 0, 0]) - 17384) <= 1


@pytest.mark.parametrize('lenient', [False, True])
@pytest.mark.parametrize('ending', ['png', 'jpg', 'bmp', 'webp', 'tiff'])
def test_a_truncated_picture_is_refused_whatever_others_have_set(
    ending: str, lenient: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, 'LOAD_TRUNCATED_IMAGES', lenient)
    path = tmp_path / f'a.{ending}'
    Image.fromarray(RANDOM.integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    read(path, COLOUR)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Exception):  # noqa: B017  (of many types, as documented)
        read(path, COLOUR)
    assert lenient == ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_bit_that_has_flipped_in_a_png_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    Image.fromarray(RANDOM.integers(0, 256, (64, 64), np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(Exception):  # noqa: B017
        read(path, GREY)


def png_of(values: np.ndarray, bits: int, kind: int, declared: tuple = ()) -> bytes:
    """Write a PNG by hand, as Pillow does not."""
    height, width = values.shape[:2]
    header = struct.pack(
        '>IIBBBBB', *(declared or (width, height)), bits, kind, 0, 0, 0
    )
    rows = b''.join(b'\0' + row.tobytes() for row in values)

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack('>I', zlib.crc32(name + data))
        return struct.pack('>I', len(data)) + name + data + check

    body = chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows))
    return b'\x89PNG\r\n\x1a\n' + body + chunk(b'IEND', b'')


@pytest.mark.parametrize('side', [10_000, 60_000])
def test_a_bomb_is_refused_before_it_is_unpacked(side: int, tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    path.write_bytes(png_of(LEVELS, bits=8, kind=0, declared=(side, side)))
    with pytest.raises(ValueError, match="more pixels than Pillow's limit"):
        read(path, GREY)


def saved(**settings: object) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.fromarray(LEVELS), Image.fromarray(255 - LEVELS)]
    frames[0].save(buffer, save_all=True, append_images=frames[1:], **settings)
    return buffer.getvalue()


@pytest.mark.parametrize('form', ['GIF', 'PNG', 'WEBP', 'TIFF'])
def test_several_pictures_in_a_file_are_refused(form: str, tmp_path: Path) -> None:
    path = tmp_path / f'a.{form.lower()}'
    path.write_bytes(saved(format=form))
    with pytest.raises(ValueError, match='holds several pictures, wanted one'):
        read(path, GREY)


@pytest.mark.parametrize(
    'values, mode',
    [(np.float32([[0.5, 3]]), 'F'), (np.int32([[1, 70000]]), 'I')],
)
def test_numbers_without_a_known_range_are_refused(
    values: np.ndarray, mode: str, tmp_path: Path
) -> None:
    path = tmp_path / 'a.tiff'
    Image.fromarray(values).save(path)
    with pytest.raises(ValueError, match=f"mode '{mode}', wanted grey of 1, 8 or 16"):
        read(path, GREY)


def test_other_formats_are_not_tried(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    Image.fromarray(COLOURS).save(path, format='PPM')
    with pytest.raises(Exception, match='cannot identify image file'):
        read(path, COLOUR)


def test_a_file_that_changes_after_it_was_listed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    Image.fromarray(LEVELS).save(path)
    facts = path.stat()
    file = File('a.png', facts.st_size, facts.st_mtime_ns + 1, 0)
    with (
        pytest.raises(ValueError, match='has changed while the folder'),
        picture(str(tmp_path), file),
    ):
        pass


def test_a_link_in_the_place_of_a_listed_file_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / 'inside', tmp_path / 'secret.png'
    inside.mkdir()
    Image.fromarray(LEVELS).save(outside)
    facts = outside.stat()
    os.symlink(outside, inside / 'a.png')
    file = File('a.png', facts.st_size, facts.st_mtime_ns, 0)
    with pytest.raises(OSError), picture(str(inside), file):
        pass
