"""Colours: worked values, Python's own colour circle, and the factors drawn."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data.augment import (
    Augmentation,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    colour_jitter,
    to_grayscale,
)
from dljax.types import Array, Key

KEY = jax.random.key(0)
IMAGES = jax.random.uniform(jax.random.key(1), (3, 4, 5, 3))
GREY = 0.2989 * IMAGES[..., :1] + 0.587 * IMAGES[..., 1:2] + 0.114 * IMAGES[..., 2:]


def drawn(augment: Augmentation, images: Array) -> np.ndarray:
    return np.asarray(jax.jit(augment)(KEY, images))


def test_without_any_the_other_image_is_left() -> None:
    wide = np.broadcast_to(np.asarray(GREY), IMAGES.shape)
    mean = np.broadcast_to(wide.mean((1, 2, 3), keepdims=True), IMAGES.shape)
    for function, expected in (
        (adjust_brightness, 0 * wide),
        (adjust_contrast, mean),
        (adjust_saturation, wide),
    ):
        out = np.asarray(function(IMAGES, 0.0))
        np.testing.assert_allclose(out, expected, atol=1e-6)
        np.testing.assert_array_equal(np.asarray(function(IMAGES, 1.0)), IMAGES)
    np.testing.assert_allclose(np.asarray(to_grayscale(IMAGES)), wide, atol=1e-6)


def test_factors_belong_to_their_examples_and_results_are_clipped() -> None:
    images = jnp.full((3, 1, 2, 3), 0.4).at[:, :, 1].set(0.6)
    out = adjust_brightness(images, jnp.array([0.5, 1.0, 2.0]))
    pixels = np.asarray(out)[:, 0, :, 0]
    np.testing.assert_allclose(pixels, [[0.2, 0.3], [0.4, 0.6], [0.8, 1.0]], atol=1e-6)
    out = adjust_contrast(images, jnp.array([0.5, 1.0, 20.0]))
    pixels = np.asarray(out)[:, 0, :, 0]
    expected = [[0.45, 0.55], [0.4, 0.6], [0.0, 1.0]]
    np.testing.assert_allclose(pixels, expected, atol=1e-4)


@pytest.mark.parametrize('turn', [-0.5, -0.2, 0.0, 1 / 3, 0.45])
def test_the_hue_turns_as_on_pythons_colour_circle(turn: float) -> None:
    images = IMAGES.at[0, 0].set(0.3).at[0, 1, 0].set(jnp.array([1.0, 0.0, 0.0]))
    expected = []
    for pixel in np.asarray(images).reshape(-1, 3):
        hue, saturation, value = colorsys.rgb_to_hsv(*map(float, pixel))
        expected.append(colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value))
    out = np.asarray(jax.jit(adjust_hue)(images, turn)).reshape(-1, 3)
    np.testing.assert_allclose(out, expected, atol=1e-5)


@pytest.mark.heavy
def test_jitter_draws_its_factors_evenly_within_the_bounds() -> None:
    plain = jnp.full((3000, 1, 1, 3), 0.5)
    factor = 2 * drawn(colour_jitter(brightness=0.4), plain)[:, 0, 0, 0]
    assert factor.min() > 0.6 and factor.max() < 1.4
    assert factor.mean() == pytest.approx(1, abs=0.02)
    assert factor.std() == pytest.approx(0.8 / np.sqrt(12), abs=0.01)
    # Beyond 1 the lower bound stays at 0: a negative factor would invert the image.
    wild = drawn(colour_jitter(contrast=3.0), IMAGES) - 0.5
    assert (wild * (np.asarray(IMAGES) > 0.9) >= -1e-6).all()
    red = jnp.broadcast_to(jnp.array([0.8, 0.2, 0.2])[None, None, None], plain.shape)
    turned = drawn(colour_jitter(hue=0.1), red)[:, 0, 0]
    # Near red a turn by a fraction t of the circle adds 6 t of the chroma, 0.6.
    turn = (turned[:, 1] - turned[:, 2]) / 3.6
    assert np.abs(turn).max() < 0.1 + 1e-5 and turn.min() < -0.095 < 0.095 < turn.max()
    assert turn.std() == pytest.approx(0.2 / np.sqrt(12), abs=0.003)


@pytest.mark.heavy
def test_jitter_is_its_four_steps_in_order() -> None:
    whole = colour_jitter(0.5, 0.4, 0.3, 0.2)
    steps = [
        colour_jitter(brightness=0.5),
        colour_jitter(contrast=0.4),
        colour_jitter(saturation=0.3),
        colour_jitter(hue=0.2),
    ]

    def one_by_one(key: Key, images: Array) -> Array:
        for step in steps:
            images = step(key, images)
        return images

    expected = drawn(one_by_one, IMAGES)
    np.testing.assert_allclose(drawn(whole, IMAGES), expected, atol=1e-5)


def test_grey_images_take_brightness_and_contrast_and_no_colour() -> None:
    both, grey = colour_jitter(brightness=0.5, contrast=0.5), IMAGES[..., :1]
    assert jax.eval_shape(both, KEY, grey).shape == grey.shape
    for settings in ({'saturation': 0.5}, {'hue': 0.1}):
        with pytest.raises(ValueError, match='have 1 channels, wanted 3'):
            jax.eval_shape(colour_jitter(**settings), KEY, grey)


def test_whole_number_images_are_not_taken_for_white() -> None:
    images = jnp.full((1, 2, 2, 3), 200, jnp.uint8)
    for function in (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue):
        with pytest.raises(ValueError, match='as_float'):
            jax.eval_shape(function, images, 0.5)
    with pytest.raises(ValueError, match='as_float'):
        to_grayscale(images)
