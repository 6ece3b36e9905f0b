"""The distance of feature maps: by NumPy, its properties, gradients and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dljax.metrics import perceptual_distance

RNG = np.random.default_rng(0)
MAPS = [RNG.normal(size=(2, 4, 3, 5)), RNG.normal(size=(2, 2, 1, 7))]
OTHERS = [RNG.normal(size=layer.shape) for layer in MAPS]
WEIGHTS = [RNG.uniform(size=5), RNG.uniform(size=7)]


def by_hand(weights: list[np.ndarray]) -> np.ndarray:
    total = np.zeros(2)
    for x, y, weight in zip(MAPS, OTHERS, weights, strict=True):
        x = x / np.linalg.norm(x, axis=-1, keepdims=True)
        y = y / np.linalg.norm(y, axis=-1, keepdims=True)
        places = x.shape[1] * x.shape[2]
        total += ((x - y) ** 2 * weight).sum((1, 2, 3)) / places
    return total


def test_it_equals_its_definition() -> None:
    got = perceptual_distance(MAPS, OTHERS)
    np.testing.assert_allclose(got, by_hand([np.ones(5), np.ones(7)]), rtol=1e-5)
    got = jax.jit(lambda w: perceptual_distance(MAPS, OTHERS, weights=w))(WEIGHTS)
    np.testing.assert_allclose(got, by_hand(WEIGHTS), rtol=1e-5)


def test_it_is_symmetric_and_knows_directions_only() -> None:
    one = perceptual_distance(MAPS, OTHERS)
    np.testing.assert_allclose(perceptual_distance(OTHERS, MAPS), one, rtol=1e-6)
    longer = [3 * layer for layer in MAPS]
    np.testing.assert_allclose(perceptual_distance(longer, OTHERS), one, rtol=1e-5)
    np.testing.assert_allclose(perceptual_distance(longer, MAPS), 0, atol=1e-6)
    against = [-layer for layer in MAPS]
    np.testing.assert_allclose(perceptual_distance(against, MAPS), 8, rtol=1e-5)


def test_its_gradients_are_right_and_finite_where_nothing_is_active() -> None:
    others = [layer.astype(np.float32) for layer in OTHERS]

    def distance(maps: list[jax.Array]) -> jax.Array:
        return perceptual_distance(maps, others).sum()

    check_grads(distance, ([jnp.float32(layer) for layer in MAPS],), 1, atol=2e-2)
    dead = jax.grad(distance)([jnp.zeros(layer.shape) for layer in MAPS])
    assert all(np.isfinite(layer).all() for layer in dead)


def test_layers_that_do_not_fit_are_refused() -> None:
    for maps, others, weights in (
        ([], [], None),
        (MAPS, OTHERS[::-1], None),
        (MAPS, OTHERS[:1], None),
        ([MAPS[0][0]], [OTHERS[0][0]], None),
        (MAPS, OTHERS, WEIGHTS[:1]),
        (MAPS, OTHERS, WEIGHTS[::-1]),
    ):
        with pytest.raises(ValueError, match='wanted one or more layers'):
            perceptual_distance(maps, others, weights=weights)
