"""Random damage: how much of it there is, and that each number has its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import gaussian_noise, masking, salt_and_pepper

KEY = jax.random.key(0)
INPUTS = jnp.full((200, 5, 5, 2), 0.25)


def test_noise_has_the_deviation_and_no_mean():
    noise = np.asarray(gaussian_noise(0.3)(KEY, INPUTS) - INPUTS)
    np.testing.assert_allclose([noise.mean(), noise.std()], [0, 0.3], atol=0.01)
    # Neither two examples nor two pixels share a draw.
    assert len(np.unique(noise)) > 0.99 * noise.size


def test_noise_within_limits_is_clipped_to_them_and_not_made_less():
    free = np.asarray(gaussian_noise(0.3)(KEY, INPUTS))
    held = np.asarray(gaussian_noise(0.3, limits=(0, 0.5))(KEY, INPUTS))
    np.testing.assert_array_equal(held, free.clip(0, 0.5))
    assert held.min() == 0 and held.max() == 0.5
    with pytest.raises(ValueError, match='limits is'):
        gaussian_noise(0.3, limits=(1, 0))


def test_masking_removes_its_fraction_and_leaves_the_rest():
    masked = np.asarray(masking(0.3)(KEY, INPUTS))
    assert set(np.unique(masked)) == {0.0, 0.25}
    assert (masked == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert not (masked[0] == masked[1]).all()


def test_salt_and_pepper_are_equally_many_and_leave_the_rest():
    struck = np.asarray(salt_and_pepper(0.4, low=-1.0, high=2.0)(KEY, INPUTS))
    fractions = [(struck == value).mean() for value in (-1.0, 2.0, 0.25)]
    np.testing.assert_allclose(fractions, [0.2, 0.2, 0.6], atol=0.02)


def test_grains_of_whole_pixels_have_no_colour():
    images = jnp.full((200, 5, 5, 3), 0.25)
    coloured = np.asarray(salt_and_pepper(0.4)(KEY, images))
    plain = np.asarray(salt_and_pepper(0.4, whole_pixels=True)(KEY, images))
    assert (np.ptp(coloured, axis=-1) > 0).mean() > 0.3
    assert (np.ptp(plain, axis=-1) == 0).all()
    assert (plain != 0.25).mean() == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize('damage', [gaussian_noise, masking, salt_and_pepper])
def test_without_a_fraction_nothing_is_damaged_and_one_out_of_range_is_refused(damage):
    np.testing.assert_array_equal(damage(0.0)(KEY, INPUTS), INPUTS)
    assert not np.array_equal(damage(0.5)(KEY, INPUTS), INPUTS)
    assert damage(0.5)(KEY, INPUTS.astype(jnp.bfloat16)).dtype == jnp.bfloat16
    with pytest.raises(ValueError, match='is -0.1, wanted'):
        damage(-0.1)
