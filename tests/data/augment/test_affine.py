"""Random rotation, scaling and translation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.ndimage import map_coordinates
from jax.test_util import check_grads

from dljax.data.augment import affine, rotation, scaling, translation, warp

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(5, 9, 7, 2)).astype(np.float32)
SQUARE = RNG.uniform(size=(3, 8, 8, 1)).astype(np.float32)
warped = jax.jit(warp)


def test_nothing_asked_is_nothing_done():
    np.testing.assert_array_equal(np.asarray(jax.jit(affine())(KEY, IMAGES)), IMAGES)


@pytest.mark.parametrize('down, right', [(2, 0), (0, 3), (-1, 2), (-3, -3)])
def test_whole_pixels_shift_exactly_and_zeros_come_in(down, right):
    padded = np.pad(IMAGES, ((0, 0), (3, 3), (3, 3), (0, 0)))
    expected = padded[:, 3 - down : 12 - down, 3 - right : 10 - right]
    got = warped(IMAGES, shift=np.array([[down, right]]))
    np.testing.assert_allclose(np.asarray(got), expected, atol=1e-6)


@pytest.mark.parametrize('turns', [1, 2, 3, -1])
def test_right_angles_equal_rot90(turns):
    got = warped(SQUARE, angle=90.0 * turns)
    expected = np.rot90(SQUARE, turns, axes=(1, 2))
    np.testing.assert_allclose(np.asarray(got), expected, atol=1e-5)


def test_there_and_back_is_the_middle_of_a_smooth_image():
    y, x = np.mgrid[0:32, 0:32] / 31
    smooth = np.sin(3 * y + 2 * x).astype(np.float32)[None, :, :, None]
    back = warped(warped(smooth, angle=20.0, scale=1.1), angle=-20.0, scale=1 / 1.1)
    middle = np.s_[:, 10:22, 10:22]
    np.testing.assert_allclose(np.asarray(back)[middle], smooth[middle], atol=0.01)


def test_doubling_spreads_the_centre():
    dot = np.zeros((1, 9, 9, 1), np.float32)
    dot[0, 4, 4, 0] = 1
    big = np.asarray(warped(dot, scale=2.0))[0, :, :, 0]
    np.testing.assert_allclose(big[4, 2:7], [0, 0.5, 1, 0.5, 0], atol=1e-6)


def test_sampling_equals_map_coordinates():
    angle, scale = np.float32([10.0, -35.0, 80.0]), np.float32([0.7, 1.0, 1.4])
    shift = np.float32([[0.3, -1.7], [2.0, 0.1], [-0.6, 0.4]])
    got = np.asarray(warped(SQUARE, angle, scale, shift))
    grid = np.mgrid[0:8, 0:8] - 3.5
    for i in range(3):
        a = np.deg2rad(float(angle[i]))
        turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        moved = grid - np.asarray(shift[i])[:, None, None]
        where = np.tensordot(turn, moved, 1) / float(scale[i]) + 3.5
        expected = map_coordinates(SQUARE[i, :, :, 0], list(where), order=1)
        np.testing.assert_allclose(got[i, :, :, 0], np.asarray(expected), atol=1e-4)


def test_what_comes_in_has_the_fill_value():
    away = warped(IMAGES, shift=np.float32([[100, 0]]), fill=0.5)
    np.testing.assert_array_equal(np.asarray(away), 0.5)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize(
    'augment',
    [rotation(20), scaling(0.7, 1.3), translation(0.2), affine(10, (0.9, 1.1), 0.1)],
)
def test_examples_draw_differently_and_keys_decide(augment):
    same, augment = np.repeat(IMAGES[:1], 5, axis=0), jax.jit(augment)
    out = np.asarray(augment(KEY, same))
    assert all(np.abs(out[0] - other).max() > 1e-3 for other in out[1:])
    np.testing.assert_array_equal(out, np.asarray(augment(KEY, same)))
    assert np.abs(out - np.asarray(augment(jax.random.key(9), same))).max() > 1e-3


@pytest.mark.heavy
def test_draws_stay_within_their_bounds_and_use_them():
    # A ramp that grows by 1 a pixel reads off the shift of its middle pixel.
    ramp = np.arange(21, dtype=np.float32)[None, :, None, None]
    ramp = np.broadcast_to(ramp, (500, 21, 21, 1))
    moved = 10 - np.asarray(jax.jit(translation(0.2))(KEY, ramp))[:, 10, 10, 0]
    assert np.abs(moved).max() <= 0.2 * 21 + 1e-5
    assert moved.max() > 4 and moved.min() < -4 and abs(moved.mean()) < 0.3


@pytest.mark.heavy
def test_compiled_equals_eager_and_maps_over_members():
    augment = affine(15, (0.8, 1.2), 0.1)
    eager = np.asarray(augment(KEY, IMAGES))
    np.testing.assert_allclose(
        np.asarray(jax.jit(augment)(KEY, IMAGES)), eager, atol=1e-4
    )
    keys = jnp.stack([KEY, jax.random.key(5)])
    mapped = jax.jit(jax.vmap(augment, (0, None)))(keys, IMAGES)
    np.testing.assert_allclose(np.asarray(mapped[0]), eager, atol=1e-4)
    assert np.abs(np.asarray(mapped[1]) - eager).max() > 1e-3


@pytest.mark.heavy
def test_gradients_reach_pixels_and_parameters():
    weights = RNG.normal(size=SQUARE.shape).astype(np.float32)

    def total(images, angle, scale, shift):
        return jnp.sum(weights * warped(images, angle, scale, shift))

    settings = [np.full(s, x, np.float32) for s, x in ((3, 5.3), (3, 1.07))]
    settings.append(np.full((3, 2), 0.31, np.float32))
    of_images = jax.jit(lambda images: total(images, *settings))
    check_grads(of_images, (SQUARE,), 1, ['rev'], rtol=1e-2)
    for gradient in jax.jit(jax.grad(total, (1, 2, 3)))(SQUARE, *settings):
        assert (np.abs(np.asarray(gradient)) > 1e-6).all()


def test_half_precision_keeps_its_type():
    half = jax.ShapeDtypeStruct(IMAGES.shape, jnp.bfloat16)
    out = jax.eval_shape(affine(10, (0.9, 1.1), 0.1), KEY, half)
    assert out.dtype == jnp.bfloat16


@pytest.mark.parametrize(
    'settings, message',
    [
        ({'rotation': -1}, 'rotation is -1'),
        ({'scale': (0.0, 1.0)}, 'scale is'),
        ({'scale': (1.2, 0.8)}, 'scale is'),
        ({'translation': 3}, 'divide pixels'),
    ],
)
def test_settings_out_of_range_are_refused_at_construction(settings, message):
    with pytest.raises(ValueError, match=message):
        affine(**settings)


def test_whole_number_images_are_refused():
    with pytest.raises(ValueError, match='as_float'):
        affine()(KEY, np.zeros((1, 4, 4, 1), np.uint8))
