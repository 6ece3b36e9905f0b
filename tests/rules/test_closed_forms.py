"""Least squares, k-means and Hebbian rules against NumPy and scikit-learn."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, Ridge

from dljax import rules
from dljax.rules import wide

RNG = np.random.default_rng(0)
X = RNG.normal(2.0, 1.0, (40, 5)).astype(np.float32)
T = RNG.normal(size=(40, 2)).astype(np.float32)
BLOBS = np.float32(np.concatenate([RNG.normal(m, 0.3, (20, 2)) for m in (-3, 0, 3)]))
LABELS = np.repeat(np.arange(3), 20)
solution = jax.jit(rules.least_squares_solution, static_argnames='ridge')
kmeans = jax.jit(rules.kmeans)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('ridge', [0.1, 0.0, 100.0])
def test_the_solution_equals_scikit_learn(ridge):
    model = Ridge(ridge, solver='svd') if ridge else LinearRegression()
    model.fit(np.asarray(X, np.float64), np.asarray(T, np.float64))
    got = solution(X, T, ridge=ridge)
    np.testing.assert_allclose(got['kernel'], model.coef_.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got['bias'], model.intercept_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('shared', [True, False])
def test_a_tpu_can_compile_gaussian_classes(shared):
    """Its compiler has no float64 Cholesky decomposition on a mesh."""
    fit = jax.jit(lambda x: rules.gaussian_classes(x, LABELS, classes=3, shared=shared))
    text = fit.trace(BLOBS).lower(lowering_platforms=('tpu',)).as_text()
    assert 'f64' in text
    assert not re.search('cholesky', text, re.IGNORECASE)


def test_columns_of_a_cholesky_factor_are_those_of_lapack():
    with jax.enable_x64(True):
        rows = np.random.default_rng(1).normal(size=(30, 6)) @ np.diag(
            10.0 ** np.arange(6)
        )
        covariance = jnp.asarray(rows.T @ rows)
        got = wide.cholesky_by_columns(covariance)
        np.testing.assert_allclose(got, np.linalg.cholesky(covariance), rtol=1e-12)
        singular = wide.cholesky_by_columns(jnp.zeros((2, 2)))
    assert not np.isfinite(singular).all()


def test_mapped_solutions_are_decomposed_one_after_the_other():
    several = np.stack([X, 2 * X, X[::-1]])
    solve = jax.jit(jax.vmap(lambda x: rules.least_squares_solution(x, T, ridge=0.1)))
    got = np.asarray(solve(several)['kernel'])
    for index, x in enumerate(several):
        wanted = solution(x, T, ridge=0.1)
        np.testing.assert_allclose(got[index], wanted['kernel'], atol=1e-5)
    text = solve.lower(several).as_text()
    # Two mapped decompositions at once can hang in the thread pool of a CPU.
    assert re.findall(r'num_batch_dims = "(\d)"', text) == ['0']


@pytest.mark.others('heavy')
@pytest.mark.parametrize('mapped', [True, False])
@pytest.mark.parametrize(
    'solve',
    [
        lambda x: rules.least_squares_solution(x, T, ridge=0.1),
        lambda x: rules.principal_components(x, 2),
        lambda x: rules.gaussian_classes(x, np.arange(40) % 2, classes=2),
    ],
    ids=['least squares', 'components', 'classes'],
)
def test_rules_in_float64_stand_in_branches_of_compiled_and_mapped_steps(solve, mapped):
    # A branch is traced by itself and mapped later, outside of what it was traced in.
    def step(x, play):
        made = solve(x)
        return jax.lax.cond(
            play, solve, lambda x: jax.tree.map(jnp.zeros_like, made), x
        )

    inputs, wanted = X, jax.jit(solve)(X)
    if mapped:
        step, inputs = jax.vmap(step, (0, None)), np.stack([X, X])
        wanted = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), wanted)
    got = jax.jit(step)(inputs, True)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), got, wanted
    )


def test_a_small_ridge_reaches_the_faint_directions():
    # Columns of falling size, the last below the rounding of many times the first.
    sizes = 10.0 ** -np.arange(5)
    x = np.float64(X - X.mean(0)) * sizes
    weights = np.array([1.0, -1.0, 2.0, 1.0, 3.0]) / sizes
    x = np.float32(np.repeat(x, 50, axis=0) * 1e3)  # 2,000 rows
    t = np.float32(x.astype(np.float64) @ weights / 1e3)[:, None]
    got = {name: np.asarray(leaf) for name, leaf in solution(x, t, ridge=1e-6).items()}
    wanted = Ridge(1e-6, solver='svd').fit(x.astype(np.float64), t).coef_
    np.testing.assert_allclose(got['kernel'][:, 0], wanted.ravel(), rtol=1e-2)


def test_at_the_solution_the_gradient_vanishes():
    found = solution(X, T, ridge=0.5)

    def cost(layer):
        errors = X @ layer['kernel'] + layer['bias'][None, :] - T
        return jnp.square(errors).sum() + 0.5 * jnp.square(layer['kernel']).sum()

    for leaf in jax.tree.leaves(jax.jit(jax.grad(cost))(found)):
        np.testing.assert_allclose(leaf, np.zeros(leaf.shape), atol=1e-3)


def test_one_move_along_the_direction_arrives():
    layer = {'kernel': np.ones((5, 2), np.float32), 'bias': np.ones(2, np.float32)}
    direction = jax.jit(rules.least_squares)(layer, X, T)
    moved = jax.tree.map(np.subtract, layer, direction)
    wanted = solution(X, T)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), moved, wanted
    )


def test_with_fewer_examples_than_features_the_solution_is_the_shortest():
    x, t = X[:3], T[:3]
    got = {name: np.asarray(leaf) for name, leaf in solution(x, t).items()}
    centred = np.float64(x - x.mean(0))
    wanted = np.linalg.pinv(centred, rcond=1e-6) @ np.asarray(t)
    np.testing.assert_allclose(got['kernel'], wanted, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(x @ got['kernel'] + got['bias'], t, atol=1e-4)


def test_a_constant_feature_gets_no_weight():
    got = solution(np.concatenate([X, np.ones((40, 1), np.float32)], axis=1), T)
    assert np.isfinite(got['kernel']).all()
    np.testing.assert_allclose(np.asarray(got['kernel'])[5], [0, 0], atol=1e-5)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('examples', [40, 4])  # more and fewer than features
@pytest.mark.parametrize('ridge', [0.0, 1.0])
def test_the_solution_has_the_right_gradient(examples, ridge):
    @jax.jit
    def seen(x, t):
        solution = rules.least_squares_solution(x, t, ridge=ridge)
        fit = X[:9] @ solution['kernel'] + solution['bias'][None, :]
        return jnp.square(fit - T[:9]).mean()

    check_grads(seen, (X[:examples], T[:examples]), order=1, modes=['rev'], eps=1e-2)


@pytest.mark.heavy
def test_the_error_that_is_left_has_the_right_gradient_in_the_targets():
    def left(t):
        solution = rules.least_squares_solution(X, t, ridge=1.0)
        return jnp.square(X @ solution['kernel'] + solution['bias'][None, :] - t).mean()

    check_grads(left, (T,), order=1, modes=['rev'], eps=1e-2)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('ridge', [1e-10, 1e-8, 1e-6])
def test_faint_directions_have_their_say_under_jit(ridge):
    # Singular values from 100 to 1e-6, as the states of a reservoir have them.
    random = np.random.default_rng(1)
    mixing = np.linalg.qr(random.normal(size=(30, 30)))[0]
    sizes = 10.0 ** -np.linspace(0, 8, 30)
    x = np.float32(3 * random.normal(size=(300, 30)) * sizes @ mixing)
    t = np.float32((x.astype(float) @ mixing.T / np.sqrt(sizes)).sum(1))[:, None]
    got = {k: np.float64(v) for k, v in solution(x, t, ridge=ridge).items()}
    # The same by a least-squares solver: the ridge is one more example a feature.
    below = np.append(x - x.mean(0, dtype=float), np.sqrt(ridge) * np.eye(30), axis=0)
    wanted = np.linalg.lstsq(below, np.append(t - t.mean(dtype=float), np.zeros(30)))[0]

    def error(kernel):
        return np.square(below[:300] @ kernel - (t[:, 0] - t.mean(dtype=float))).mean()

    np.testing.assert_allclose(error(got['kernel'][:, 0]), error(wanted), rtol=1e-3)


def test_lloyd_by_moves_equals_scikit_learn():
    centres = start = BLOBS[[0, 20, 21]]
    for _ in range(20):
        centres = centres - np.asarray(kmeans(centres, BLOBS))
    wanted = KMeans(3, init=start, n_init=1, max_iter=20, tol=0).fit(BLOBS)
    np.testing.assert_allclose(centres, wanted.cluster_centers_, atol=1e-5)
    found = jax.jit(rules.assign)(centres, BLOBS)
    np.testing.assert_array_equal(found, wanted.labels_)


def test_the_direction_of_k_means_is_the_gradient_of_the_distances():
    centres = BLOBS[::25]

    def cost(c):
        # Halved sum of squares, over the points of each cluster.
        distances = jnp.square(BLOBS[:, None] - c[None]).sum(-1)
        return 0.5 * distances.min(axis=1).sum()

    assigned = jax.jit(rules.assign)(centres, BLOBS)
    counts = np.bincount(assigned, minlength=3)[:, None]
    wanted = np.asarray(jax.jit(jax.grad(cost))(centres)) / counts
    np.testing.assert_allclose(kmeans(centres, BLOBS), wanted, atol=1e-5)


def test_k_means_far_from_zero_moves_as_near_it():
    points, away = np.round(BLOBS) * 8, np.float32(98_765_432)
    centres = points[::25]
    near = kmeans(centres, points)
    far = kmeans(centres + away, points + away)
    np.testing.assert_allclose(far, near, rtol=1e-5, atol=1e-5)


def test_a_cluster_without_points_stays():
    centres = np.float32([[0.0, 0.0], [1e4, 1e4], [0.0, 1.0]])
    np.testing.assert_array_equal(np.asarray(kmeans(centres, BLOBS))[1], [0, 0])


def test_the_first_centres_are_far_apart_and_are_points():
    choose = jax.jit(rules.initial_centres, static_argnums=2)
    for seed in range(5):
        centres = choose(jax.random.key(seed), BLOBS, 3)
        assert sorted((np.asarray(centres)[:, 0] / 3).round()) == [-1, 0, 1]
        found = (np.asarray(BLOBS)[:, None] == np.asarray(centres)).all(-1).any(0)
        assert found.all()


@pytest.mark.heavy
def test_as_many_centres_as_points_take_each_once():
    points = np.arange(6, dtype=np.float32)[:, None] ** 2
    choose = jax.jit(rules.initial_centres, static_argnums=2)
    centres = choose(jax.random.key(0), points, 6)
    np.testing.assert_array_equal(np.sort(centres, axis=0), points)


@pytest.mark.heavy
def test_equal_points_still_give_centres():
    choose = jax.jit(rules.initial_centres, static_argnums=2)
    centres = choose(jax.random.key(0), np.ones((4, 2), np.float32), 3)
    np.testing.assert_array_equal(centres, np.ones((3, 2)))


def test_the_spread_is_the_distance_of_the_neighbours():
    centres = np.float32([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    np.testing.assert_allclose(
        jax.jit(rules.spread)(centres), np.sqrt([13.0, 21.5, 9.5]), rtol=1e-6
    )


def test_oja_finds_the_principal_components():
    mixing = np.array([[3.0, 0.5, 0.2], [0.0, 1.5, 0.3], [0.0, 0.0, 0.5]])
    x = np.float32(RNG.normal(size=(200, 3)) @ mixing)
    x = x - x.mean(axis=0)
    start = np.float32(0.1 * RNG.normal(size=(3, 2)))

    @jax.jit
    def learned(kernel, x):
        def move(_, kernel):
            return kernel - 0.01 * rules.oja(kernel, x)

        return jax.lax.fori_loop(0, 2000, move, kernel)

    wanted = np.linalg.svd(x)[2][:2].T
    found = np.asarray(learned(start, x)).T @ wanted
    np.testing.assert_allclose(np.abs(found), np.eye(2), atol=1e-3)


def test_hebb_strengthens_what_fires_together_and_oja_bounds_it():
    x = np.float32([[1.0, -1.0], [1.0, 1.0]])
    y = np.float32([[1.0], [3.0]])
    np.testing.assert_array_equal(rules.hebb(x, y), [[-2.0], [-1.0]])
    # A longer vector than the unit one shrinks.
    long = np.float32([[2.0], [0.0]])
    assert (long - 0.1 * np.asarray(jax.jit(rules.oja)(long, x)))[0, 0] < 2


def test_settings_and_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='ridge is -1'):
        rules.least_squares_solution(X, T, ridge=-1)
    with pytest.raises(ValueError, match=r'targets\[:, None\]'):
        rules.least_squares_solution(X, T[:, 0])
    with pytest.raises(ValueError, match='flatten the points'):
        rules.kmeans(BLOBS, X)
    with pytest.raises(ValueError, match='clusters is 61'):
        rules.initial_centres(jax.random.key(0), BLOBS, 61)
    with pytest.raises(ValueError, match='neighbours is 3'):
        rules.spread(BLOBS[:3], neighbours=3)
    with pytest.raises(ValueError, match=r'\[batch, units\]'):
        rules.hebb(X, T[:, 0])
    with pytest.raises(ValueError, match='kernel and inputs'):
        rules.oja(T, X)
