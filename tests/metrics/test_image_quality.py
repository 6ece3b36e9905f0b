"""PSNR and SSIM: twins of scikit-image, values worked by hand, limits."""

import functools

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dljax import metrics

RNG = np.random.default_rng(0)
LARGE = {'gaussian_weights': True, 'sigma': 1.5}  # scikit-image makes that 11x11
PAPER = {**LARGE, 'use_sample_covariance': False}
SMALL = {'gaussian_weights': True, 'sigma': 0.9}  # and that 7x7


def pair(size: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth images, and the same with noise: some alike, some hardly."""
    ramp = np.linspace(0, 1, size)
    smooth = np.sin(5 * ramp[:, None] + 3 * ramp[None, :]) / 2 + 0.5
    targets = RNG.uniform(0.5, 1, (3, 1, 1, channels)) * smooth[None, :, :, None]
    noise = np.array([0.02, 0.1, 0.5])[:, None, None, None]
    images = targets + noise * RNG.normal(size=targets.shape)
    return np.clip(images, 0, 1).astype(np.float32), targets.astype(np.float32)


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize('channels', [3, 1])
@pytest.mark.parametrize(
    ('size', 'window', 'sigma', 'theirs'),
    [
        (24, 7, None, {'win_size': 7}),
        (24, 11, 1.5, LARGE),
        (8, 7, None, {'win_size': 7}),
        (8, 7, 0.9, SMALL),
    ],
)
@pytest.mark.parametrize('sample', [True, False])
def test_ssim_equals_scikit_image(
    channels: int,
    size: int,
    window: int,
    sigma: float | None,
    theirs: dict,
    sample: bool,
) -> None:
    images, targets = pair(size, channels)
    got = metrics.ssim(
        images, targets, window=window, sigma=sigma, sample_covariance=sample
    )
    wanted = [
        structural_similarity(
            image.astype(float),
            target.astype(float),
            data_range=1.0,
            channel_axis=-1,
            use_sample_covariance=sample,
            **theirs,
        )
        for image, target in zip(images, targets, strict=True)
    ]
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert got[0] > got[1] > got[2]


@pytest.mark.heavy
def test_the_default_window_is_that_of_the_paper() -> None:
    images, targets = pair(24, 1)
    np.testing.assert_array_equal(
        metrics.ssim(images, targets),
        metrics.ssim(images, targets, window=11, sigma=1.5),
    )
    with pytest.raises(ValueError, match='window is 11 for images of 8x8'):
        metrics.ssim(images[:, :8, :8], targets[:, :8, :8])


@pytest.mark.others('heavy')
@pytest.mark.parametrize('channels', [3, 1])
def test_psnr_equals_scikit_image(channels: int) -> None:
    images, targets = pair(8, channels)
    wanted = [
        peak_signal_noise_ratio(target, image, data_range=1.0)
        for image, target in zip(images, targets, strict=True)
    ]
    np.testing.assert_allclose(metrics.psnr(images, targets), wanted, rtol=1e-5)


def test_the_range_of_the_values_does_not_matter_where_it_is_said() -> None:
    images, targets = pair(24, 1)
    for metric in (metrics.psnr, metrics.ssim):
        np.testing.assert_allclose(
            metric(255 * images, 255 * targets, data_range=255.0),
            metric(images, targets),
            rtol=1e-4,
        )


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('data_range', [46_341, 65_535, 2**31, 10**30])
def test_a_range_may_be_any_whole_number(data_range: int) -> None:
    images, targets = pair(24, 1)
    for metric in (metrics.psnr, metrics.ssim):
        np.testing.assert_allclose(
            metric(images * data_range, targets * data_range, data_range=data_range),
            metric(images, targets),
            rtol=1e-4,
        )


@pytest.mark.parametrize('dtype', ['uint8', 'uint16'])
def test_integers_have_the_range_of_their_type_and_do_not_wrap(dtype: str) -> None:
    most = np.iinfo(dtype).max
    images, targets = ((most * part).astype(dtype) for part in pair(24, 1))
    for metric, theirs in (
        (metrics.psnr, peak_signal_noise_ratio),
        (metrics.ssim, functools.partial(structural_similarity, **PAPER)),
    ):
        wanted = [
            theirs(np.float64(a[..., 0]), np.float64(b[..., 0]), data_range=most)
            for a, b in zip(targets, images, strict=True)
        ]
        got = metric(images, targets)
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(got, metric(targets, images), rtol=1e-6)
        with pytest.raises(ValueError, match=f'float32 and {dtype}, wanted one range'):
            metric(images.astype(np.float32), targets)


def test_contrast_that_is_small_beside_the_brightness_is_seen() -> None:
    images, targets = pair(24, 1)
    bright = 60_000 + np.round(100 * targets), 60_000 + np.round(100 * images)
    wanted = [
        structural_similarity(a[..., 0], b[..., 0], data_range=10.0, **PAPER)
        for a, b in zip(*np.float64(bright), strict=True)
    ]
    got = metrics.ssim(*bright[::-1], data_range=10)
    np.testing.assert_allclose(got, wanted, atol=1e-3)


def test_a_copy_is_perfect() -> None:
    images, _ = pair(24, 1)
    assert np.isinf(metrics.psnr(images, images)).all()
    np.testing.assert_allclose(metrics.ssim(images, images), 1.0, atol=1e-6)
    flat = np.full(images.shape, 0.3, np.float32)
    np.testing.assert_allclose(metrics.ssim(flat, flat), 1.0, atol=1e-4)


def test_what_cannot_be_compared_is_refused() -> None:
    images, targets = pair(16, 1)
    with pytest.raises(ValueError, match='equal shapes'):
        metrics.psnr(images, targets[..., 0])
    with pytest.raises(ValueError, match='data_range is 0'):
        metrics.psnr(images, targets, data_range=0)
    with pytest.raises(ValueError, match='add the missing axis'):
        metrics.ssim(images[..., 0], targets[..., 0])
    with pytest.raises(ValueError, match='window is 4'):
        metrics.ssim(images, targets, window=4)
    with pytest.raises(ValueError, match='sigma is 0'):
        metrics.ssim(images, targets, sigma=0.0)
