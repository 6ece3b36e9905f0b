"""Principal components against scikit-learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA

from dljax import rules

RNG = np.random.default_rng(0)
INPUTS = np.float32(RNG.normal(2.0, 1.0, (40, 6)) * [5, 4, 3, 2, 1, 0.5])


@pytest.mark.parametrize('components', [1, 3, 6])
def test_the_components_equal_those_of_scikit_learn(components):
    model = PCA(components, svd_solver='full').fit(INPUTS.astype(np.float64))
    found = rules.principal_components(jnp.asarray(INPUTS), components)
    np.testing.assert_allclose(found.mean, model.mean_, rtol=1e-5)
    np.testing.assert_allclose(found.vectors, model.components_.T, atol=1e-4)
    np.testing.assert_allclose(found.variances, model.explained_variance_, rtol=1e-4)


def test_a_large_offset_changes_no_component():
    near = np.float32(8 * np.round(INPUTS))  # so that float32 holds them far away too
    far = rules.principal_components(jnp.asarray(near + np.float32(98_765_432)), 2)
    found = rules.principal_components(jnp.asarray(near), 2)
    np.testing.assert_allclose(far.vectors, found.vectors, atol=1e-5)
    np.testing.assert_allclose(far.variances, found.variances, rtol=1e-5)


def test_the_vectors_are_orthonormal_and_their_largest_entries_positive():
    vectors = np.asarray(rules.principal_components(jnp.asarray(INPUTS), 4).vectors)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-6)
    assert (vectors[np.abs(vectors).argmax(0), range(4)] > 0).all()


def test_inputs_or_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='components is 7, wanted 1 to 6'):
        rules.principal_components(jnp.asarray(INPUTS), 7)
    with pytest.raises(ValueError, match=r'\(40, 2, 3\), wanted .* flatten'):
        rules.principal_components(jnp.asarray(INPUTS).reshape(40, 2, 3), 2)
