"""Flips, quarter turns and crops: which pixels go where, and how often."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import crop, resize
from dljax.data.augment import (
    Augmentation,
    flip,
    quarter_turns,
    random_crop,
    random_resized_crop,
)
from dljax.types import Array

KEY = jax.random.key(0)
MANY = 4000
CODED = np.arange(1, 5, dtype=np.float32).reshape(1, 2, 2, 1)  # 1 2 / 3 4
COPIES = np.broadcast_to(CODED, (MANY, 2, 2, 1))
RNG = np.random.default_rng(0)


def drawn(augment: Augmentation, images: Array) -> np.ndarray:
    return np.asarray(jax.jit(augment)(KEY, images))


def fractions(images: np.ndarray, kinds: list[np.ndarray]) -> list[float]:
    """How many of the images are each of the kinds, as a fraction."""
    return [float((images == kind).all(axis=(1, 2, 3)).mean()) for kind in kinds]


def test_flips_mirror_each_axis_with_their_probability_independently() -> None:
    out = drawn(flip(True, True, probability=0.3), COPIES)
    axes = [(), (2,), (1,), (1, 2)]
    found = fractions(out, [np.flip(CODED, a) for a in axes])
    np.testing.assert_allclose(found, [0.49, 0.21, 0.21, 0.09], atol=0.03)
    across = drawn(flip(probability=1.0), CODED)
    np.testing.assert_array_equal(across[0, :, :, 0], [[2, 1], [4, 3]])


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('turns', [3, 1, 2, -1, 6])
def test_a_quarter_turn_is_rot90(turns: int) -> None:
    images = RNG.uniform(size=(3, 5, 5, 2)).astype(np.float32)
    out = drawn(quarter_turns([turns]), images)
    expected = np.rot90(images, turns, axes=(1, 2))
    np.testing.assert_array_equal(out, expected)


@pytest.mark.heavy
def test_quarter_turns_are_drawn_evenly_from_those_allowed() -> None:
    kinds = [np.rot90(CODED, k, axes=(1, 2)) for k in range(4)]
    out = drawn(quarter_turns(), COPIES)
    np.testing.assert_allclose(fractions(out, kinds), 0.25, atol=0.03)
    out = drawn(quarter_turns((0, 3)), COPIES)
    np.testing.assert_allclose(fractions(out, kinds), [0.5, 0, 0, 0.5], atol=0.03)


def test_images_that_are_not_square_take_half_turns_only() -> None:
    images = RNG.uniform(size=(2, 4, 6, 1)).astype(np.float32)
    out = drawn(quarter_turns((2,)), images)
    np.testing.assert_array_equal(out, images[:, ::-1, ::-1])
    with pytest.raises(ValueError, match=r'quarter_turns\(\(0, 2\)\)'):
        jax.eval_shape(quarter_turns(), KEY, images)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize(
    'mode, size', [('reflect', (3, 4)), ('zero', None), ('edge', (9, 5))]
)
def test_every_crop_is_a_part_of_the_padded_image(
    mode: str, size: tuple[int, int] | None
) -> None:
    image = np.arange(1.0, 31.0, dtype=np.float32).reshape(5, 6)
    copies = np.broadcast_to(image[None, :, :, None], (3000, 5, 6, 1))
    out = drawn(random_crop(2, size, mode), copies)[..., 0]
    whole = np.pad(image, 2, mode={'zero': 'constant'}.get(mode, mode))
    parts = np.lib.stride_tricks.sliding_window_view(whole, size or (5, 6))
    parts = parts.reshape(-1, *out.shape[1:])
    counts = [int((out == part).all(axis=(1, 2)).sum()) for part in parts]
    assert sum(counts) == len(out)
    # Each place is as likely as another: within five standard deviations of the mean.
    mean = len(out) / len(parts)
    assert np.abs(np.array(counts) - mean).max() < 5 * np.sqrt(mean)


def test_a_part_larger_than_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match='enlarge padding'):
        jax.eval_shape(random_crop(1, (8, 5)), KEY, jnp.ones((1, 5, 5, 1)))


def read_off(out: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """First edge and length of a part, from a ramp read between its ends."""
    step = (out[:, -3] - out[:, 2]) / (size - 5)
    return out[:, 2] - 2.5 * step + 0.5, step * size


def test_a_resized_crop_has_area_aspect_and_place_as_asked() -> None:
    height, width, size = 40, 60, 16
    ramps = np.stack(np.mgrid[:height, :width], -1).astype(np.float32)
    ramps = np.broadcast_to(ramps[None], (2000, height, width, 2))
    augment = random_resized_crop((size, size), (0.1, 0.4), (0.5, 2.0))
    out = drawn(augment, ramps)
    top, tall = read_off(out[:, :, 8, 0], size)
    left, wide = read_off(out[:, 8, :, 1], size)
    area, aspect = tall * wide / (height * width), np.log(wide / tall)
    tolerance = 1e-3
    assert area.min() > 0.1 - tolerance and area.max() < 0.4 + tolerance
    assert np.abs(aspect).max() < np.log(2) + tolerance
    # Every draw of these fits, so that none is thrown away and both are uniform.
    assert area.mean() == pytest.approx(0.25, abs=0.008)
    assert area.std() == pytest.approx(0.3 / np.sqrt(12), abs=0.004)
    assert aspect.mean() == pytest.approx(0, abs=0.04)
    assert aspect.std() == pytest.approx(2 * np.log(2) / np.sqrt(12), abs=0.02)
    for first, length, whole in ((top, tall, height), (left, wide, width)):
        place = first / (whole - length)
        assert place.min() > -0.01 and place.max() < 1.01
        assert place.mean() == pytest.approx(0.5, abs=0.02)
        assert place.std() == pytest.approx(1 / np.sqrt(12), abs=0.02)


@pytest.mark.heavy
def test_the_whole_image_as_a_part_is_resized_as_jax_does() -> None:
    images = RNG.uniform(size=(2, 8, 8, 3)).astype(np.float32)
    out = drawn(random_resized_crop((19, 16), (1.0, 1.0), (1.0, 1.0)), images)
    expected = jax.jit(resize, static_argnums=1)(images, (19, 16))
    np.testing.assert_allclose(out, np.asarray(expected), atol=1e-5)


@pytest.mark.heavy
def test_a_part_that_cannot_fit_is_taken_from_the_middle() -> None:
    images = RNG.uniform(size=(3, 4, 40, 1)).astype(np.float32)
    out = drawn(random_resized_crop((4, 4), (0.9, 1.0), (1.0, 1.0)), images)
    middle = crop(images, (4, 4))
    np.testing.assert_allclose(out, np.asarray(middle), atol=1e-5)
