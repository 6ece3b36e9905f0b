"""Holes: as much as asked for, of their kinds, where they are told to be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from dljax.data.holes import KINDS, Holes, paint_holes, punched


@pytest.mark.parametrize('kind', ['boxes', 'strokes'])
@pytest.mark.parametrize('fraction', [0.1, 0.4])
def test_a_fraction_of_the_picture_is_gone(kind, fraction):
    found = [paint_holes((60, 80), kind, fraction=fraction, seed=n) for n in range(5)]
    assert all(fraction <= hole.mean() <= fraction + 0.15 for hole in found)
    assert len({hole.tobytes() for hole in found}) == 5
    again = paint_holes((60, 80), kind, fraction=fraction, seed=3)
    np.testing.assert_array_equal(again, found[3])


def test_boxes_are_rectangles_and_text_is_thin():
    box = paint_holes((60, 80), 'boxes', fraction=0.001)
    places = np.argwhere(box)
    (top, left), (bottom, right) = places.min(0), places.max(0)
    assert box[top : bottom + 1, left : right + 1].all()
    text = paint_holes((200, 300), 'text', fraction=0.5)
    assert 0.03 < text.mean() < 0.5
    assert ndimage.distance_transform_edt(text).max() < 6


def test_what_is_told_to_be_whole_is_whole_and_holes_are_black():
    images = np.random.default_rng(0).random((2, 9, 9, 3), np.float32) + 0.1
    masks = np.random.default_rng(1).random((2, 9, 9)) < 0.3
    seen = np.asarray(punched(jnp.asarray(images), jnp.asarray(masks)))
    np.testing.assert_array_equal(seen[..., 3] == 0, masks)
    np.testing.assert_array_equal(seen[masks], 0)
    np.testing.assert_array_equal(seen[~masks][:, :3], images[~masks])


def test_each_example_has_holes_of_its_own_turned_and_mirrored():
    holes = Holes(16, ('strokes',), count=2)
    found = jax.jit(holes)(jax.random.key(0), jnp.ones((64, 16, 16, 1)))
    masks = np.asarray(found[..., 1]) == 0
    kinds = {mask.tobytes() for mask in masks}
    assert 8 < len(kinds) <= 16  # two of them in eight positions
    allowed = set()
    for mask in holes.masks:
        for flipped in (mask, mask.T):
            for one in (flipped, flipped[::-1]):
                allowed |= {one.tobytes(), np.ascontiguousarray(one[:, ::-1]).tobytes()}
    assert kinds <= allowed


def test_all_kinds_take_turns():
    holes = Holes(32, KINDS, count=6)
    assert holes.masks.shape == (6, 32, 32) and holes.masks.any((1, 2)).all()


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="kind is 'dots', wanted one of boxes"):
        paint_holes((9, 9), 'dots')
    with pytest.raises(
        ValueError, match='fraction is 1 and size .* wanted a fraction in'
    ):
        paint_holes((9, 9), 'boxes', fraction=1)
    with pytest.raises(ValueError, match=r'size \(4, 9\), wanted .* at least 8x8'):
        paint_holes((4, 9), 'boxes')
