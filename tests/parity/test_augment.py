"""Colours, centre crops and the parts of resized crops equal torchvision's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import crop
from dljax.data.augment import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    to_grayscale,
)
from dljax.data.augment.boxes import draw_box
from dljax.types import Array
from dljax.weights import reference

torch = pytest.importorskip('torch')
reference.torchvision_models()  # which gets round operators that do not fit
transforms = pytest.importorskip('torchvision.transforms.v2')
functional = transforms.functional

IMAGES = np.random.default_rng(0).random((4, 9, 11, 3)).astype(np.float32)
# Greys, pure colours, black and white, and two equal largest channels.
IMAGES[0, 0] = np.array([1.0, 0.0, 0.0])
IMAGES[0, 1] = 0.5
IMAGES[0, 2] = np.array([0.3, 0.9, 0.9])
IMAGES[0, 3, :5], IMAGES[0, 3, 5:] = 0.0, 1.0


def to_torch(images: np.ndarray) -> object:
    return torch.from_numpy(np.moveaxis(np.asarray(images), -1, 1).copy())


def from_torch(images: object) -> np.ndarray:
    return np.moveaxis(images.numpy(), 1, -1)


@pytest.mark.parametrize(
    'ours, theirs, settings',
    [
        (adjust_brightness, 'adjust_brightness', (0.0, 0.4, 1.0, 1.7)),
        (adjust_contrast, 'adjust_contrast', (0.0, 0.4, 1.0, 1.7)),
        (adjust_saturation, 'adjust_saturation', (0.0, 0.4, 1.0, 1.7)),
        (adjust_hue, 'adjust_hue', (-0.5, -0.13, 0.0, 0.08, 0.5)),
    ],
)
def test_colours_change_as_in_torchvision(
    ours: object, theirs: str, settings: tuple[float, ...]
) -> None:
    for setting in settings:
        expected = getattr(functional, theirs)(to_torch(IMAGES), setting)
        got = np.asarray(ours(jnp.asarray(IMAGES), setting))
        np.testing.assert_allclose(got, from_torch(expected), atol=2e-6)


def test_brightness_and_contrast_of_grey_images_are_torchvisions() -> None:
    grey = IMAGES[..., :1]
    for ours, theirs in (
        (adjust_brightness, functional.adjust_brightness),
        (adjust_contrast, functional.adjust_contrast),
    ):
        expected = from_torch(theirs(to_torch(grey), 1.6))
        np.testing.assert_allclose(
            np.asarray(ours(jnp.asarray(grey), 1.6)), expected, atol=1e-6
        )


def test_greyness_is_torchvisions() -> None:
    expected = functional.rgb_to_grayscale(to_torch(IMAGES), num_output_channels=3)
    got = np.asarray(to_grayscale(jnp.asarray(IMAGES)))
    np.testing.assert_allclose(got, from_torch(expected), atol=1e-6)


@pytest.mark.parametrize('size', [(5, 7), (9, 1)])
def test_the_centre_is_torchvisions(size: tuple[int, int]) -> None:
    # Of even rests: torchvision rounds half of an odd one to an even number.
    expected = functional.center_crop(to_torch(IMAGES), list(size))
    np.testing.assert_array_equal(np.asarray(crop(IMAGES, size)), from_torch(expected))


@pytest.mark.parametrize('size', [(60, 60), (40, 100)])
def test_parts_of_resized_crops_are_spread_as_torchvisions(
    size: tuple[int, int],
) -> None:
    settings = {'area': (0.08, 1.0), 'aspect': (3 / 4, 4 / 3)}
    box, _ = draw_box(jax.random.key(0), 6000, size, **settings)
    torch.manual_seed(0)
    crop = transforms.RandomResizedCrop(
        8, scale=settings['area'], ratio=settings['aspect']
    )
    blank = torch.zeros(3, *size)
    theirs = [crop.make_params([blank]) for _ in range(3000)]
    names = ('height', 'width', 'top', 'left')
    expected = np.array([[one[name] for name in names] for one in theirs])
    got = np.stack([getattr(box, name) for name in names], axis=1)

    def fractions(boxes: Array | np.ndarray) -> np.ndarray:
        return np.quantile(boxes / np.array([*size, *size]), [0.1, 0.5, 0.9], axis=0)

    np.testing.assert_allclose(fractions(got), fractions(expected), atol=0.03)
