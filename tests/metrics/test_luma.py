"""Brightness as super-resolution measures it, and fine detail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.metrics import detail_ratio, luma, psnr_luma, ssim_luma


def pair(size: int = 24) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    true = rng.uniform(size=(2, size, size, 3)).astype(np.float32)
    made = (true + 0.1 * rng.normal(size=true.shape)).clip(0, 1).astype(np.float32)
    return made, true


def test_colours_have_the_brightness_of_the_standard() -> None:
    eight = np.array(
        [[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32
    )
    wanted = [16.0, 235.0, 81.481, 144.553, 40.966]
    np.testing.assert_allclose(luma(eight)[:, 0], wanted, atol=1e-4)
    grey = np.linspace(0, 1, 5, dtype=np.float32)[:, None]
    np.testing.assert_allclose(luma(grey), luma(np.repeat(grey, 3, 1)), atol=1e-4)


def test_the_ratio_is_that_of_the_brightness_without_its_border() -> None:
    made, true = pair()
    y = [np.rint(np.asarray(luma(values)))[:, 4:-4, 4:-4] for values in (made, true)]
    wanted = 10 * np.log10(255**2 / ((y[0] - y[1]) ** 2).mean((1, 2, 3)))
    np.testing.assert_allclose(psnr_luma(made, true, border=4), wanted, rtol=1e-5)
    other = made.copy()
    other[:, :4] = 0  # in the border
    np.testing.assert_array_equal(
        psnr_luma(other, true, border=4), psnr_luma(made, true, border=4)
    )
    assert (psnr_luma(other, true, border=3) < psnr_luma(made, true, border=3)).all()


def test_rounding_hides_less_than_half_a_step() -> None:
    true = np.full((1, 16, 16, 3), 0.5, np.float32)  # 125.5: rounds to even
    made = true + np.float32(0.4 / 219)
    assert psnr_luma(made, true)[0] == np.inf
    np.testing.assert_allclose(
        psnr_luma(made, true, rounded=False), 20 * np.log10(255 / 0.4), atol=1e-2
    )


def test_the_similarity_is_that_of_scikit_image() -> None:
    metrics = pytest.importorskip('skimage.metrics')
    made, true = pair(32)
    y = [np.rint(np.asarray(luma(values)))[:, 4:-4, 4:-4, 0] for values in (made, true)]
    wanted = []
    for x, z in zip(*y, strict=True):
        _, whole = metrics.structural_similarity(
            x.astype(float),
            z.astype(float),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
            full=True,
        )
        wanted.append(whole[5:-5, 5:-5].mean())
    np.testing.assert_allclose(ssim_luma(made, true, border=4), wanted, atol=1e-4)


def test_a_border_that_leaves_nothing_and_other_channels_are_refused() -> None:
    made, true = pair()
    for border in (-1, 12):
        with pytest.raises(ValueError, match='border is'):
            psnr_luma(made, true, border=border)
    with pytest.raises(ValueError, match='1 or 3 channels'):
        luma(jnp.ones((2, 4)))


def test_detail_is_the_power_of_high_frequencies() -> None:
    rng = np.random.default_rng(0)
    rough = rng.normal(size=(64, 48))
    slow = np.sin(np.arange(64) / 20)[:, None] * np.cos(np.arange(48) / 15)[None, :]
    assert detail_ratio(rough, rough) == 0
    np.testing.assert_allclose(detail_ratio(rough / 10, rough), -20)
    assert abs(detail_ratio(rough + 5 * slow, rough)) < 0.1  # slow changes do not count
    assert abs(detail_ratio(np.roll(rough, 3, 1), rough)) < 0.5  # nor does the place
    blurred = np.asarray(
        jax.image.resize(jax.image.resize(rough, (16, 12), 'cubic'), (64, 48), 'cubic')
    )
    assert detail_ratio(blurred, rough) < -10
    assert detail_ratio(rough, np.ones((64, 48))) == np.inf


def test_detail_needs_two_pictures_and_a_frequency() -> None:
    with pytest.raises(ValueError, match='one \\[height, width\\]'):
        detail_ratio(np.ones((4, 4)), np.ones((4, 5)))
    with pytest.raises(ValueError, match='above is 0.5'):
        detail_ratio(np.ones((4, 4)), np.ones((4, 4)), above=0.5)
