"""Holes filled without learning, and a net that fills holes alone."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.measures.filling import biharmonic, filling_methods, harmonic
from dljax.measures.repairing import Damaged
from dljax.models.filling import Filling

RNG = np.random.default_rng(0)


def punch(picture: np.ndarray, hole: np.ndarray) -> Damaged:
    whole = ~hole[..., None]
    seen = np.concatenate([picture * whole, whole], -1).astype(np.float32)
    return Damaged(seen, picture, picture * whole)


def test_a_plane_is_filled_exactly_and_what_is_whole_stays():
    y, x = np.mgrid[:12, :15] / 30
    plane = np.stack([0.2 + x, 0.1 + y], -1).astype(np.float32)
    hole = np.zeros((12, 15), bool)
    hole[3:9, 4:11] = True
    for method in (harmonic, biharmonic):
        np.testing.assert_allclose(method(punch(plane, hole)), plane, atol=1e-4)
    noise = RNG.random((12, 15, 1), np.float32)
    filled = harmonic(punch(noise, hole))
    np.testing.assert_array_equal(filled[~hole], noise[~hole])
    around = filled[2:8, 4:11] + filled[4:10, 4:11] + filled[3:9, 3:10]
    around = (around + filled[3:9, 5:12]) / 4
    np.testing.assert_allclose(filled[3:9, 4:11], around, atol=1e-5)


def test_a_hole_at_the_corner_has_the_neighbours_that_there_are():
    picture = np.full((5, 6, 1), 0.5, np.float32)
    hole = np.zeros((5, 6), bool)
    hole[:2, :3] = True
    np.testing.assert_allclose(harmonic(punch(picture, hole)), picture, atol=1e-6)


def test_nothing_to_fill_or_nothing_to_fill_from_is_left():
    picture = RNG.random((5, 6, 1), np.float32)
    none = np.zeros((5, 6), bool)
    np.testing.assert_array_equal(harmonic(punch(picture, none)), picture)
    np.testing.assert_array_equal(harmonic(punch(picture, ~none)), 0 * picture)
    assert list(filling_methods()) == ['harmonic', 'biharmonic']


def test_a_net_fills_holes_only_and_no_gradient_comes_from_elsewhere():
    class Bright(nn.Module):
        @nn.compact
        def __call__(self, image, *, train):
            return nn.Dense(2)(image)

    picture = RNG.random((1, 6, 7, 2), np.float32)
    hole = RNG.random((6, 7)) < 0.4
    seen = jnp.asarray(punch(picture[0], hole).seen)[None]
    net = Filling(Bright())
    made, variables = net.init_with_output(jax.random.key(0), seen)
    np.testing.assert_array_equal(np.asarray(made)[0][~hole], picture[0][~hole])
    alone = Bright().apply({'params': variables['params']['net']}, seen, train=False)
    np.testing.assert_allclose(made[0][hole], alone[0][hole], rtol=1e-6)

    def loss(variables):
        return (net.apply(variables, seen) * ~hole[None, ..., None]).sum()

    gradients = jax.grad(loss)(variables)
    assert all(not leaf.any() for leaf in jax.tree.leaves(gradients))
