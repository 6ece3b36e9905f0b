"""Brightness and chroma: those of Pillow's JPEG, and back again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dljax.data.chroma import join_colours, part_colours, without_colours

RGB = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)


def test_colours_are_those_of_pillow_to_a_rounding():
    bright, chroma = part_colours(jnp.asarray(RGB / np.float32(255)))
    wanted = np.asarray(Image.fromarray(RGB).convert('YCbCr')) / 255
    assert np.abs(bright[..., 0] - wanted[..., 0]).max() < 1.01 / 255
    # Half of a byte is 128 there, not 127.5.
    assert np.abs(chroma - (wanted[..., 1:] - 0.5 / 255)).max() < 1.01 / 255


def test_colours_come_back_and_grey_is_half():
    parts = part_colours(jnp.asarray(RGB / np.float32(255)))
    np.testing.assert_allclose(join_colours(*parts), RGB / 255, atol=1e-5)
    bright, chroma = part_colours(jnp.full((1, 3), 0.3))
    np.testing.assert_allclose(bright, [[0.3]], atol=1e-6)
    np.testing.assert_allclose(chroma, [[0.5, 0.5]], atol=1e-6)
    outside = join_colours(jnp.ones((1, 1)), jnp.ones((1, 2)))
    assert float(outside.max()) == 1


def test_patches_are_parted_by_the_same_draw():
    def draw(key, examples):
        return {'image': jax.random.uniform(key, (examples, 4, 5, 3))}

    key = jax.random.key(0)
    batch = jax.jit(without_colours(draw), static_argnums=1)(key, 6)
    images = draw(key, 6)['image']
    np.testing.assert_allclose(
        join_colours(batch['image'], batch['target']), images, atol=1e-5
    )


def test_pictures_without_colours_are_refused():
    with pytest.raises(ValueError, match=r'shape \(2, 3, 1\), wanted red, green'):
        part_colours(jnp.ones((2, 3, 1)))
