"""Scores of codes against SciPy, scikit-learn and values worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.neighbors import KNeighborsClassifier

from dljax import metrics

RNG = np.random.default_rng(0)


def test_the_active_fraction_counts_the_units_that_act_whatever_their_size():
    fraction = jax.jit(metrics.active_fraction)
    code = np.float32([[2.0, -2.0, 0.0, 0.0], [1e4, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(fraction(code), [0.5, 0.25, 0.0])
    normal = RNG.normal(size=(1, 100_000)).astype(np.float32)
    np.testing.assert_allclose(fraction(normal), [2 / np.pi], atol=0.01)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('neighbours', [4, 1, 5])
def test_neighbours_vote_as_in_scikit_learn(neighbours):
    known = RNG.normal(size=(60, 3)).astype(np.float32)
    labels = RNG.integers(0, 4, 60).astype(np.int32)
    code = RNG.normal(size=(40, 3)).astype(np.float32)
    wanted = KNeighborsClassifier(neighbours).fit(known, labels).predict(code)
    got = metrics.nearest_neighbours(
        jnp.asarray(code), known, labels, classes=4, neighbours=neighbours
    )
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.others('heavy')
@pytest.mark.parametrize(('first', 'second'), [(5, 2), (2, 4), (3, 3), (6, 1)])
def test_angles_between_spaces_equal_scipy(first, second):
    a, b = RNG.normal(size=(7, first)), RNG.normal(size=(7, second))
    got = jax.jit(metrics.principal_angles)(np.float32(a), np.float32(b))
    np.testing.assert_allclose(got, subspace_angles(a, b), atol=1e-5)


def test_small_angles_are_not_rounded_away():
    a = np.eye(4)[:, :2]
    b = a + np.array([[0, 0], [0, 0], [1e-4, 0], [0, 3e-5]])
    got = metrics.principal_angles(jnp.asarray(a), jnp.asarray(b))
    np.testing.assert_allclose(got, [1e-4, 3e-5], rtol=1e-3)
    mixed = jnp.asarray(a @ [[2.0, 1.0], [0.5, -3.0]])
    np.testing.assert_allclose(metrics.principal_angles(a, mixed), [0, 0], atol=1e-6)
    np.testing.assert_allclose(
        metrics.principal_angles(a, np.eye(4)[:, 1:3]), [np.pi / 2, 0], atol=1e-6
    )


def test_codes_that_do_not_fit_are_refused():
    code = jnp.zeros((4, 2))
    with pytest.raises(ValueError, match='neighbours is 5, wanted 1 to 4'):
        metrics.nearest_neighbours(code, code, jnp.zeros(4, int), classes=2)
    with pytest.raises(ValueError, match=r'labels have shape \(3,\)'):
        metrics.nearest_neighbours(code, code, jnp.zeros(3, int), classes=2)
    with pytest.raises(ValueError, match=r'\(4, 3\), wanted'):
        metrics.nearest_neighbours(
            code, jnp.zeros((4, 3)), jnp.zeros(4, int), classes=2
        )
    with pytest.raises(ValueError, match=r'second has shape \(2, 3\)'):
        metrics.principal_angles(code, jnp.zeros((2, 3)))
    with pytest.raises(ValueError, match='vectors of one length'):
        metrics.principal_angles(code, jnp.zeros((5, 2)))
