"""JPEG and WebP at so many bits: what is counted, and what comes back."""

import io

import numpy as np
import pytest
from PIL import Image

from dljax.measures.codecs import (
    QUALITIES,
    codec_curve,
    compress,
    psnr_at,
    psnr_of,
    within_bits,
)

RANDOM = np.random.default_rng(0)
Y, X = np.mgrid[:48, :64]
SMOOTH = np.stack([2 * Y, 3 * X, Y + X], -1).astype(np.uint8)


@pytest.mark.parametrize('codec', ['jpeg', 'webp'])
def test_more_bits_give_a_better_picture(codec):
    curve = codec_curve([SMOOTH, SMOOTH[::-1].copy()], codec)
    assert curve['bits'].shape == curve['psnr'].shape == (len(QUALITIES),)
    assert curve['bits'][-1] > curve['bits'][0] and curve['psnr'][-1] > 30
    assert np.corrcoef(np.log(curve['bits']), curve['psnr'])[0, 1] > 0.9


def test_of_a_jpeg_the_scan_is_counted_and_the_picture_is_pillows():
    found = compress(SMOOTH, 'jpeg', 50)
    file = io.BytesIO()
    Image.fromarray(SMOOTH).save(file, 'JPEG', quality=50)
    data = file.getvalue()
    assert found.bits == 8 * (len(data) - data.index(b'\xff\xda'))
    assert found.bits < 8 * len(data) / 2  # small pictures are headers mostly
    np.testing.assert_array_equal(found.picture, np.asarray(Image.open(file)))


@pytest.mark.parametrize('codec', ['jpeg', 'webp'])
def test_the_best_within_the_bits_keeps_within_them(codec):
    noise = RANDOM.integers(0, 256, (32, 32, 1), np.uint8)
    for bits in (4.0, 6.0):
        found = within_bits(noise, codec, bits)
        assert found.bits <= bits * noise.size
        assert found.picture.shape == noise.shape
    least = within_bits(noise, codec, 1e-6)
    assert least.bits == compress(noise, codec, 1).bits


def test_between_two_rates_the_psnr_is_linear_in_their_logarithm():
    curve = {'bits': np.array([1.0, 0.25]), 'psnr': np.array([30.0, 20.0])}
    np.testing.assert_allclose(psnr_at(0.5, curve), 25)
    assert psnr_at(9.0, curve) == 30


def test_psnr_of_bytes_by_hand():
    black = np.zeros((2, 2, 1), np.uint8)
    np.testing.assert_allclose(psnr_of(black + np.uint8(255), black), 0)
    np.testing.assert_allclose(psnr_of(black + np.uint8(51), black), 13.979, atol=1e-3)
    assert psnr_of(black, black) == np.inf


def test_what_no_codec_takes_is_refused():
    with pytest.raises(ValueError, match="codec is 'gif', wanted 'jpeg' or 'webp'"):
        compress(SMOOTH, 'gif', 50)
    with pytest.raises(ValueError, match='the picture is float64 of shape'):
        compress(SMOOTH / 255, 'jpeg', 50)
