"""Contact sheets: every row its original and draws of nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import crop
from dljax.data.augment import Mixed, fixed
from dljax.pictures.augmentations import contact_sheet, draw_augmented
from dljax.types import Array, Key

IMAGES = np.random.default_rng(0).random((2, 32, 32, 3)).astype(np.float32)


def swapped(key: Key, images: Array) -> Mixed:
    del key
    return Mixed(images[::-1], jnp.array([1, 0]), jnp.zeros(2))


def test_rows_show_the_images_in_turn_and_what_becomes_of_each() -> None:
    kinds = {
        'left as it is': lambda key, images: images,
        'negative': lambda key, images: 1 - images,
        'smaller': fixed(crop, size=(20, 24)),
        'the other': swapped,
    }
    figure = contact_sheet(kinds, IMAGES, 'sheet', draws=3)(None)
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    originals, draws = shown[::2], shown[1::2]
    for place, original in enumerate(originals):
        np.testing.assert_array_equal(original, IMAGES[place % 2])
    first, second = IMAGES
    expected = [first, 1 - second, first[6:26, 4:28], first]
    for row, image in zip(draws, expected, strict=True):
        height, width, _ = image.shape
        assert row.shape == (height, 3 * width + 4, 3)
        for start in (0, width + 2, 2 * width + 4):
            np.testing.assert_allclose(row[:, start : start + width], image, atol=1e-6)
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == list(kinds)


def test_draws_differ_and_come_again() -> None:
    def tinted(key: Key, images: Array) -> Array:
        return images * jax.random.uniform(key)

    once, again = (draw_augmented('tint', tinted, IMAGES, 5) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert len(np.unique(once.mean((1, 2, 3)))) == 5
    assert not np.array_equal(once, draw_augmented('other', tinted, IMAGES, 5))


@pytest.mark.parametrize('settings', [({}, IMAGES), ({'a': swapped}, IMAGES[:0])])
def test_an_empty_sheet_is_refused(settings: tuple) -> None:
    with pytest.raises(ValueError, match='wanted one or more of each'):
        contact_sheet(*settings)
