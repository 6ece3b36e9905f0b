"""Bicubic resizing: the weights of the papers, by another way of computing them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import cut_to_multiple, enlarge, resize_bicubic, shrink


def sampled(line: np.ndarray, count: int) -> np.ndarray:
    """Sum Keys' kernel over a mirrored line, place by place."""

    def keys(x: float) -> float:
        x = abs(x)
        if x <= 1:
            return 1 - 2.5 * x**2 + 1.5 * x**3
        return 2 - 4 * x + 2.5 * x**2 - 0.5 * x**3 if x < 2 else 0.0

    size, ratio = len(line), len(line) / count
    wide = max(ratio, 1.0)
    mirrored = np.concatenate([line[::-1], line, line[::-1]])
    made = []
    for place in range(count):
        middle = (place + 0.5) * ratio - 0.5
        weights = np.array([keys((middle - n) / wide) for n in range(-size, 2 * size)])
        made.append((weights * mirrored).sum() / weights.sum())
    return np.array(made)


@pytest.mark.parametrize(
    ('before', 'after'), [(24, 6), (6, 24), (10, 7), (7, 7), (9, 3)]
)
def test_lines_are_resized_as_the_kernel_says(before: int, after: int) -> None:
    line = np.random.default_rng(0).normal(size=before)
    wanted = sampled(line, after)
    rows = resize_bicubic(line.reshape(-1, 1, 1), (after, 1))
    columns = resize_bicubic(line.reshape(1, -1, 1), (1, after))
    np.testing.assert_allclose(rows.ravel(), wanted, atol=1e-12)
    np.testing.assert_allclose(columns.ravel(), wanted, atol=1e-12)


def test_inside_it_is_the_resizing_of_jax() -> None:
    image = np.random.default_rng(0).normal(size=(48, 64, 3)).astype(np.float32)
    wanted = np.asarray(jax.image.resize(image, (12, 16, 3), 'bicubic'))
    made = resize_bicubic(image, (12, 16))
    np.testing.assert_allclose(made[3:-3, 3:-3], wanted[3:-3, 3:-3], atol=1e-5)
    assert np.abs(made - wanted).max() > 1e-3  # the edges are mirrored here


def test_numpy_and_jax_agree_for_any_leading_axes_and_jit() -> None:
    images = np.random.default_rng(0).uniform(size=(2, 3, 8, 12, 3)).astype(np.float32)
    made = resize_bicubic(images, (5, 20))
    assert isinstance(made, np.ndarray) and made.dtype == np.float32
    call = jax.jit(lambda x: resize_bicubic(x, (5, 20)))
    np.testing.assert_allclose(call(jnp.asarray(images)), made, atol=1e-5)
    np.testing.assert_allclose(resize_bicubic(images[1, 2], (5, 20)), made[1, 2])


def test_constants_stay_and_slopes_stay_inside() -> None:
    np.testing.assert_allclose(resize_bicubic(np.full((9, 7, 1), 3.0), (4, 30)), 3.0)
    slope = np.arange(32.0).reshape(1, 32, 1)
    made = resize_bicubic(slope, (1, 8)).ravel()
    np.testing.assert_allclose(made[2:-2], np.arange(8)[2:-2] * 4 + 1.5)


def test_small_pictures_are_rounded_and_come_back_in_size() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (17, 22, 3), np.uint8)
    cut = cut_to_multiple(picture, 4)
    assert cut.shape == (16, 20, 3) and (cut == picture[:16, :20]).all()
    small = shrink(cut, 4)
    assert small.shape == (4, 5, 3) and small.dtype == np.uint8
    exact = resize_bicubic(cut.astype(float), (4, 5))
    assert np.abs(small - exact.clip(0, 255)).max() <= 0.5 + 1e-3
    assert enlarge(small, 4).shape == cut.shape
    edge = np.repeat(np.array([0, 255], np.uint8), 8).reshape(1, 16, 1)
    assert enlarge(edge, 2).min() == 0 and enlarge(edge, 2).max() == 255


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: resize_bicubic(np.ones((4, 4, 1), np.uint8), (2, 2)), 'wanted floats'),
        (lambda: resize_bicubic(np.ones((4, 4)), (2, 2)), 'add the axis'),
        (lambda: resize_bicubic(np.ones((4, 4, 1)), (0, 2)), 'size is'),
        (lambda: shrink(np.ones((6, 8, 1), np.uint8), 4), 'multiples of 4'),
        (lambda: shrink(np.ones((8, 8, 1)), 4), 'wanted uint8'),
        (lambda: enlarge(np.ones((8, 8, 1), np.uint8), 0), 'scale is 0'),
        (lambda: cut_to_multiple(np.ones((3, 8, 1)), 4), 'at least 4'),
    ],
)
def test_what_cannot_be_resized_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
