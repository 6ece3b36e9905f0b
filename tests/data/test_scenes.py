"""Scenes of digits: the truth about each pixel is exact, and two keys differ."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax import data
from dljax.data import Placement, Scenes, digit_scenes, paint, procedural
from dljax.data.painting import INK
from dljax.types import Array, fold

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
DIGITS = RNG.uniform(size=(20, 8, 8, 1)).astype(np.float32)
LABELS = np.arange(20) % 10
painted = jax.jit(paint)
COUNT = 100
SCENES = digit_scenes(
    DIGITS,
    LABELS,
    size=(24, 40),
    most=3,
    side=(8, 11),
    brightness=(0.7, 1.0),
    background=(0.2, 0.2),
    texture=0.0,
    noise=0.0,
    tries=1,
)


def at(
    *centres: tuple[float, float], side: float = 2.0, angle: float = 0.0
) -> Placement:
    digits = (1, len(centres))
    return Placement(
        np.float32([centres]),
        np.full(digits, side, np.float32),
        np.full(digits, angle, np.float32),
        np.float32([[1.0, 0.5, 0.8][: len(centres)]]),
    )


def squares(*classes: int, side: int = 2) -> tuple[Array, Array]:
    digits = np.ones((1, len(classes), side, side, 1), np.float32)
    return digits, np.int32([classes])


def test_the_digit_on_top_hides_the_one_below_and_takes_its_pixels() -> None:
    ground = np.full((1, 4, 5, 1), 0.25, np.float32)
    # Rows 0 and 1, columns 0 and 1; then one place down and to the right.
    place = at((-1.0, -1.5), (0.0, -0.5))
    made = painted(ground, *squares(3, 9), place)
    label = [[3, 3, 0, 0, 0], [3, 9, 9, 0, 0], [0, 9, 9, 0, 0], [0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(made['label'][0], label)
    first, second = np.array(label) == 3, np.array(label) == 9
    np.testing.assert_array_equal(made['instance'][0], first + 2 * second)
    grey = np.select([first, second], [1.0, 0.5], 0.25)
    np.testing.assert_allclose(made['image'][0, :, :, 0], grey, rtol=1e-6)
    np.testing.assert_array_equal(made['box'][0], [[0, 0, 2, 2], [1, 1, 3, 3]])
    np.testing.assert_array_equal(made['class'], [[3, 9]])


def test_a_hidden_digit_and_an_empty_place_have_neither_class_nor_box() -> None:
    ground = np.zeros((1, 4, 5, 1), np.float32)
    made = painted(ground, *squares(3, 9), at((0.0, 0.5), (0.0, 0.5)))
    np.testing.assert_array_equal(made['class'], [[0, 9]])
    np.testing.assert_array_equal(made['box'][0], [[0, 0, 0, 0], [1, 2, 3, 4]])
    made = painted(ground, *squares(3, 0), at((0.0, 0.0), (0.0, 0.0)))
    np.testing.assert_array_equal(made['class'], [[3, 0]])
    assert set(np.unique(made['label'])) == {0, 3}
    outside = painted(ground, *squares(3, 0), at((9.0, 9.0), (0.0, 0.0)))
    assert outside['label'].max() == 0 and outside['class'].max() == 0


def test_only_ink_above_the_threshold_is_painted() -> None:
    glyph = np.float32([[INK - 0.01, INK + 0.01], [1.0, 0.0]])[None, None, :, :, None]
    ground = np.full((1, 2, 2, 1), 0.2, np.float32)
    made = painted(ground, glyph, np.int32([[4]]), at((0.0, 0.0)))
    np.testing.assert_array_equal(made['label'][0], [[0, 4], [4, 0]])
    between = 0.2 + (INK + 0.01) * 0.8  # full ink is 1
    np.testing.assert_allclose(
        made['image'][0, :, :, 0], [[0.2, between], [1.0, 0.2]], rtol=1e-5
    )


def test_a_glyph_is_magnified_and_turned_about_its_centre() -> None:
    bar = np.zeros((1, 1, 4, 4, 1), np.float32)
    bar[:, :, :, 1:3] = 1
    ground, classes = np.zeros((1, 16, 16, 1), np.float32), np.int32([[1]])
    upright = painted(ground, bar, classes, at((0.0, 0.0), side=12.0))
    lying = painted(ground, bar, classes, at((0.0, 0.0), side=12.0, angle=90.0))
    np.testing.assert_array_equal(lying['label'][0], np.rot90(upright['label'][0]))
    top, left, bottom, right = np.asarray(upright['box'][0, 0])
    assert 12 <= bottom - top <= 14 and 6 <= right - left <= 8  # magnified threefold
    moved = painted(ground, bar, classes, at((1.0, -2.0), side=12.0))
    gap = np.asarray(moved['box'])[0, 0] - upright['box'][0, 0]
    np.testing.assert_array_equal(gap, [1, -2, 1, -2])


@pytest.mark.heavy
def test_label_instance_class_and_box_agree_with_what_was_painted() -> None:
    made, hidden = SCENES.fixed(COUNT), 0
    changed = np.abs(made['image'][..., 0] - 0.2) > 1e-6
    np.testing.assert_array_equal(made['label'] > 0, changed)
    for index in range(COUNT):
        instance, label = made['instance'][index], made['label'][index]
        for number, (kind, box) in enumerate(
            zip(made['class'][index], made['box'][index], strict=True), start=1
        ):
            where = np.argwhere(instance == number)
            hidden += not len(where)
            assert (len(where) > 0) == (kind > 0)
            if len(where):
                assert (label[instance == number] == kind).all()
                np.testing.assert_array_equal(box, [*where.min(0), *where.max(0) + 1])
        assert ((instance > 0) == (label > 0)).all()
    assert hidden > 0


def test_counts_classes_and_sizes_are_those_asked_for() -> None:
    made = SCENES.fixed(COUNT)
    assert made['image'].shape == (COUNT, 24, 40, 1)
    assert made['image'].dtype == np.float32 and made['label'].dtype == np.int32
    assert made['image'].min() >= 0 and made['image'].max() <= 1
    there = (made['class'] > 0).sum(1)
    assert set(np.unique(there)) == {2, 3} and 0.35 < (there == 2).mean() < 0.65
    assert set(np.unique(made['label'])) == set(range(11))
    height = (made['box'][..., 2] - made['box'][..., 0])[made['class'] > 0]
    assert 6 < np.median(height) <= 12
    assert SCENES.names == ('background', *'0123456789')
    assert 'scenes (composed): 2 to 3 of 20 real digits' in SCENES.summary


@pytest.mark.heavy
def test_more_tries_lay_digits_farther_apart() -> None:
    def visible(scenes: Scenes) -> float:
        return float((scenes.fixed(COUNT)['label'] > 0).mean())

    # They hide less of one another.
    assert visible(dataclasses.replace(SCENES, tries=8)) > 1.05 * visible(SCENES)


def test_scenes_are_functions_of_the_key_alone() -> None:
    source, position = procedural(SCENES.draw, COUNT), jnp.int32(0)
    after, first = source.next(KEY, position, None)
    _, second = source.next(KEY, after, None)
    _, again = source.next(KEY, position, None)
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert (first['label'] != second['label']).any((1, 2)).all()
    one, other = SCENES.fixed(COUNT), SCENES.fixed(COUNT, jax.random.key(1))
    jax.tree.map(np.testing.assert_array_equal, one, SCENES.fixed(COUNT))
    assert (one['label'] != other['label']).any((1, 2)).all()


@pytest.mark.heavy
def test_mapped_scenes_are_those_drawn_one_by_one() -> None:
    keys = jnp.stack([fold(KEY, seed) for seed in (0, 1)])
    mapped = jax.jit(jax.vmap(lambda key: SCENES.draw(key, 2)))(keys)
    alone = SCENES.draw(keys[1], 2)
    np.testing.assert_array_equal(mapped['label'][1], alone['label'])
    np.testing.assert_allclose(mapped['image'][1], alone['image'], atol=1e-6)


@pytest.mark.heavy
def test_scenes_of_a_split_are_made_of_its_digits_alone() -> None:
    """With every way to vary a digit shut off, a scene of one is that digit."""
    digits = data.load('digits').images('test')
    scenes = digit_scenes(
        digits['image'],
        digits['label'],
        size=(8, 8),
        most=1,
        fewest=1,
        side=(8, 8),
        rotation=0,
        brightness=(1, 1),
        background=(0, 0),
        texture=0,
        noise=0,
    )
    made = scenes.fixed(50)
    known = {}
    for image, label in zip(digits['image'], digits['label'], strict=True):
        kept = np.where(image > INK, image, 0).round(4)
        known[kept.tobytes()] = label + 1
    for image, kind in zip(made['image'], made['class'][:, 0], strict=True):
        assert known[image.round(4).tobytes()] == kind


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'fewest': 5}, 'fewest is 5, wanted 1 to most=4'),
        ({'side': (10, 40)}, r'side is \(10, 40\), wanted two sides in \(0, 32\]'),
        ({'rotation': 200}, 'rotation is 200'),
        ({'brightness': (0.5, 2.0)}, 'brightness is'),
        ({'texture': -1}, 'texture is -1'),
        ({'noise': -1}, 'noise is -1'),
        ({'tries': 0}, 'tries is 0'),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        digit_scenes(DIGITS, LABELS, **settings)


def test_digits_that_are_no_grey_squares_are_refused() -> None:
    with pytest.raises(ValueError, match='wanted .examples, side, side, 1.'):
        digit_scenes(DIGITS[:, :, :6], LABELS)
    with pytest.raises(ValueError, match='wanted integers, one for each of 20'):
        digit_scenes(DIGITS, LABELS[:5])
    with pytest.raises(ValueError, match='labels is -1, wanted at least 0'):
        digit_scenes(DIGITS, LABELS - 1)
