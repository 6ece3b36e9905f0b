"""Cutout, random erasing, mixup and CutMix: how much, where, and of what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data.augment import Augmentation, cutmix, cutout, mixup, random_erasing
from dljax.types import Array

KEY = jax.random.key(0)
MANY, HEIGHT, WIDTH = 3000, 9, 12
ONES = np.ones((MANY, HEIGHT, WIDTH, 2), np.float32)


def drawn(augment: Augmentation, images: Array) -> np.ndarray:
    return np.asarray(jax.jit(augment)(KEY, images))


def spans(covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns covered, [image, pixels], of rectangles only."""
    rows, columns = covered.any(axis=2), covered.any(axis=1)
    np.testing.assert_array_equal(covered, rows[:, :, None] & columns[:, None, :])
    return rows, columns


@pytest.mark.others('heavy')
@pytest.mark.parametrize('size', [4, 5])
def test_cutout_covers_a_square_about_every_pixel_alike(size: int) -> None:
    out = drawn(cutout(size, fill=0.25), ONES)
    assert set(np.unique(out)) == {0.25, 1.0}
    np.testing.assert_array_equal(out[..., 0], out[..., 1])
    rows, columns = spans(out[..., 0] == 0.25)
    for marks, pixels in ((rows, HEIGHT), (columns, WIDTH)):
        # All squares that there can be, cut off at the border.
        first = np.arange(pixels)[:, None] - size // 2
        place = np.arange(pixels)[None, :]
        every = (place >= first) & (place < first + size)
        counts = [(marks == one).all(axis=1).sum() for one in every]
        assert sum(counts) == MANY
        mean = MANY / pixels
        assert np.abs(np.array(counts) - mean).max() < 5 * np.sqrt(mean)


@pytest.mark.heavy
def test_more_holes_cover_more_and_lie_apart() -> None:
    one = drawn(cutout(3), ONES).mean()
    two = drawn(cutout(3, holes=2), ONES).mean()
    assert two == pytest.approx(one**2, abs=0.01)  # what both leave, being independent


def test_erasing_has_its_fraction_area_and_aspect_inside_the_image() -> None:
    images = jnp.full((2000, 50, 40, 1), 2.0)
    augment = random_erasing(0.4, area=(0.1, 0.3), aspect=(0.5, 2.0), fill=0.0)
    out = drawn(augment, images)[..., 0]
    erased = out[(out == 0).any(axis=(1, 2))]
    assert len(erased) / 2000 == pytest.approx(0.4, abs=0.04)
    rows, columns = spans(erased == 0)
    tall, wide = rows.sum(1), columns.sum(1)
    area, aspect = tall * wide / 2000, np.log(wide / tall)
    assert area.min() > 0.09 and area.max() < 0.32
    assert area.mean() == pytest.approx(0.2, abs=0.01)
    assert np.abs(aspect).max() < np.log(2) + 0.15
    assert aspect.mean() == pytest.approx(0, abs=0.05)
    # Uniform places lie as often in one half as in the other.
    middle = (rows * np.arange(50)[None, :]).sum(1) / tall
    assert middle.mean() == pytest.approx(24.5, abs=1.0) and middle.std() > 5


@pytest.mark.heavy
def test_erased_pixels_are_noise_of_their_own_unless_filled() -> None:
    images = jnp.full((200, 20, 20, 2), 2.0)
    out = drawn(random_erasing(1.0), images)
    noise = out[out != 2.0]
    assert 0 <= noise.min() and noise.max() < 1
    assert noise.mean() == pytest.approx(0.5, abs=0.02)
    assert len(np.unique(noise)) > 0.99 * noise.size


@pytest.mark.heavy
def test_what_never_fits_is_not_erased() -> None:
    images = jnp.ones((3, 4, 40, 1))
    augment = random_erasing(1.0, area=(0.9, 1.0), aspect=(1.0, 1.0), fill=0.0)
    np.testing.assert_array_equal(drawn(augment, images), 1.0)


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize('alpha', [0.2, 1.0])
def test_mixup_blends_by_its_fraction_which_is_beta(alpha: float) -> None:
    images = np.random.default_rng(0).uniform(size=(MANY, 2, 2, 1)).astype(np.float32)
    mixed, partner, fraction = map(np.asarray, jax.jit(mixup(alpha))(KEY, images))
    np.testing.assert_array_equal(np.sort(partner), np.arange(MANY))
    assert (partner != np.arange(MANY)).mean() > 0.99
    weight = fraction[:, None, None, None]
    expected = weight * images + (1 - weight) * images[partner]
    np.testing.assert_allclose(mixed, expected, atol=1e-6)
    assert fraction.min() >= 0 and fraction.max() <= 1
    assert fraction.mean() == pytest.approx(0.5, abs=0.02)
    assert fraction.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)


def test_mixup_takes_inputs_of_any_rank() -> None:
    features = np.random.default_rng(0).uniform(size=(5, 3)).astype(np.float32)
    mixed, partner, fraction = map(np.asarray, jax.jit(mixup(1.0))(KEY, features))
    expected = (
        fraction[:, None] * features + (1 - fraction[:, None]) * features[partner]
    )
    np.testing.assert_allclose(mixed, expected, atol=1e-6)


def test_cutmix_pastes_a_rectangle_and_counts_what_stayed() -> None:
    # The number of an example in every pixel tells whose the pixel is.
    number = jnp.arange(float(MANY))[:, None, None, None]
    images = jnp.broadcast_to(number, (MANY, 20, 30, 1))
    mixed, partner, fraction = map(np.asarray, jax.jit(cutmix())(KEY, images))
    own = np.arange(MANY)
    pasted = mixed[..., 0] == partner[:, None, None]
    assert ((mixed[..., 0] == own[:, None, None]) | pasted).all()
    pasted, fraction = pasted[partner != own], fraction[partner != own]
    np.testing.assert_allclose(fraction, 1 - pasted.mean((1, 2)), atol=1e-6)
    rows, columns = spans(pasted)
    # Whole rectangles keep the aspect of the image, to a pixel; others are cut off.
    whole = ~(rows[:, [0, -1]].any(1) | columns[:, [0, -1]].any(1)) & pasted.any((1, 2))
    assert whole.mean() > 0.1
    gap = rows[whole].sum(1) / 20 - columns[whole].sum(1) / 30
    assert np.abs(gap).max() < 1 / 20 + 1 / 30
    # A side sqrt(1 - fraction) about a uniform centre keeps s - s^2 / 4 of an axis, s^2
    # uniform: the mean of (s - s^2 / 4)^2 is 1/2 - 1/5 + 1/48.
    assert 1 - fraction.mean() == pytest.approx(1 / 2 - 1 / 5 + 1 / 48, abs=0.02)
