"""Range, size and border of images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import as_float, crop, pad, resize


def test_whole_numbers_become_fractions_of_their_largest_value():
    eight = as_float(np.array([0, 51, 255], np.uint8))
    sixteen = as_float(np.array([0, 13107, 65535], np.uint16))
    for images in (eight, sixteen):
        assert images.dtype == np.float32 and isinstance(images, np.ndarray)
        np.testing.assert_allclose(images, [0, 0.2, 1], rtol=1e-6)


def test_jax_images_stay_on_the_device_and_compile():
    images = jnp.array([0, 255], jnp.uint8)
    assert isinstance(as_float(images), jax.Array)
    np.testing.assert_array_equal(np.asarray(jax.jit(as_float)(images)), [0, 1])
    jax.jit(as_float)(jnp.array([0.5]))


@pytest.mark.parametrize('bad', [[0.0, 255.0], [-1.0, 1.0], [0.0, np.nan]])
def test_floats_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=r'wanted floats in \[0, 1\]'):
        as_float(np.array(bad, np.float32))


def test_integers_of_unknown_range_are_refused():
    with pytest.raises(ValueError, match='type int32'):
        as_float(np.array([0, 1], np.int32))


def test_resizing_keeps_a_constant_and_the_mean():
    images = np.random.default_rng(0).random((2, 8, 8, 3)).astype(np.float32)
    assert resize(images, (28, 20)).shape == (2, 28, 20, 3)
    flat = resize(np.full((8, 8, 1), 0.25, np.float32), (5, 9))
    np.testing.assert_allclose(np.asarray(flat), 0.25, rtol=1e-6)
    small = resize(images, (4, 4))
    np.testing.assert_allclose(np.asarray(small).mean(), images.mean(), atol=0.01)


def test_padding_puts_the_image_in_the_middle():
    images = np.ones((2, 3, 4, 1), np.float32)
    frame = np.asarray(pad(images, (6, 8), value=0.5))
    np.testing.assert_array_equal(frame[:, 1:4, 2:6], 1)
    assert frame.sum() == 2 * (12 + 0.5 * (48 - 12))


def test_a_frame_smaller_than_the_image_is_refused():
    with pytest.raises(ValueError, match='wanted at least'):
        pad(np.zeros((4, 4, 1), np.float32), (3, 8))


def test_a_centre_crop_undoes_padding_and_has_the_middle():
    image = np.arange(20, dtype=np.float32).reshape(4, 5, 1)
    np.testing.assert_array_equal(crop(image, (2, 3)), image[1:3, 1:4])
    for size in ((5, 5), (7, 8)):
        np.testing.assert_array_equal(crop(pad(image, size), (4, 5)), image)
    with pytest.raises(ValueError, match='wanted at most'):
        crop(image, (4, 6))


@pytest.mark.parametrize('call', [resize, pad, crop])
def test_whole_numbers_are_not_resized(call):
    with pytest.raises(ValueError, match='as_float'):
        call(np.zeros((4, 4, 1), np.uint8), (8, 8))
