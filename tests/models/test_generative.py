"""Gaussian classifiers, their closed form, and the logistic regression beside them."""

import functools
import re
from collections.abc import Callable

import jax
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy import special
from scipy.stats import multivariate_normal
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from dljax import create_model, rules
from dljax.data import resident
from dljax.models.container import container
from dljax.models.generative import GaussianClassifier
from dljax.objectives import classify, fit_classes, within
from dljax.training import Player, ensemble, fit, learner
from dljax.types import Array, PyTree

WINE = load_wine()
X = np.float32(WINE.data - WINE.data.mean(0)) / np.float32(WINE.data.std(0))
Y = np.int32(WINE.target)
BATCH = {'features': X, 'label': Y}
KINDS = {
    'linear_discriminant_analysis': LinearDiscriminantAnalysis(
        solver='lsqr', shrinkage=0.1
    ),
    'quadratic_discriminant_analysis': QuadraticDiscriminantAnalysis(
        solver='eigen', shrinkage=0.1
    ),
    'gaussian_naive_bayes': GaussianNB(var_smoothing=1e-2),
}
SETTINGS = {
    'linear_discriminant_analysis': {'shrinkage': 0.1, 'floor': 0.0},
    'quadratic_discriminant_analysis': {'shrinkage': 0.1, 'floor': 0.0},
    'gaussian_naive_bayes': {'floor': 1e-2},
}


FORMS = ('classes', 'shared', 'diagonal', 'shrinkage', 'floor')
solve = jax.jit(rules.gaussian_classes, static_argnames=FORMS)


@functools.partial(jax.jit, static_argnums=0)
def joint(net: nn.Module, params: PyTree, *inputs: object) -> Array:
    """Compute the logits, compiled once for each form of net and inputs."""
    return net.apply({'params': params}, *inputs)


def log_softmax(logits: Array) -> np.ndarray:
    return special.log_softmax(np.float64(logits), axis=1)


def some(*quick: str, heavy: str = '') -> list:
    """All kinds, of which the quick and the heavy suite have those that are said."""
    marks = {heavy: pytest.mark.heavy, **dict.fromkeys(quick, ())}
    return [pytest.param(k, marks=marks.get(k, pytest.mark.exhaustive)) for k in KINDS]


@functools.cache
def solved(name: str) -> tuple[GaussianClassifier, PyTree]:
    net = create_model(name, classes=3)
    form = {'shared': net.shared, 'diagonal': net.diagonal}
    return net, solve(X, Y, classes=3, **form, **SETTINGS[name])


def fitted(name: str) -> tuple[nn.Module, PyTree]:
    """Learn through the engine, as an experiment does: one move arrives."""
    net = create_model(name, classes=3)
    player = Player(optax.sgd(1.0), direction=fit_classes(**SETTINGS[name]))
    state, _ = fit(
        learner(net, {'fit': player}), resident(BATCH), steps=1, key=jax.random.key(0)
    )
    return net, state.params


@pytest.mark.parametrize('name', some(heavy='gaussian_naive_bayes'))
def test_after_one_move_the_posteriors_equal_scikit_learn(name: str) -> None:
    net, params = fitted(name)
    model = KINDS[name].fit(np.float64(X), Y)
    logs = log_softmax(joint(net, params, X))
    np.testing.assert_allclose(logs, model.predict_log_proba(np.float64(X)), atol=2e-3)
    wanted = model.predict_proba(np.float64(X))
    np.testing.assert_allclose(np.exp(logs), wanted, atol=2e-5)


@pytest.mark.parametrize(
    ('load', 'shared'),
    [
        (load_iris, True),
        pytest.param(load_breast_cancer, False, marks=pytest.mark.heavy),
        pytest.param(load_iris, False, marks=pytest.mark.exhaustive),
        pytest.param(load_wine, True, marks=pytest.mark.exhaustive),
        pytest.param(load_wine, False, marks=pytest.mark.heavy),
        pytest.param(load_breast_cancer, True, marks=pytest.mark.exhaustive),
    ],
)
def test_raw_features_of_any_unit_have_the_posteriors_of_float64(
    load: Callable, shared: bool
) -> None:
    inputs, labels = load(return_X_y=True)
    classes = int(labels.max()) + 1
    # By default, with a floor that the small units of a table do not feel.
    params = solve(inputs, labels, classes=classes, shared=shared)
    net = GaussianClassifier(classes, shared=shared)
    got = log_softmax(joint(net, params, inputs))
    logits = []
    centred = inputs - np.stack([inputs[labels == k].mean(0) for k in labels])
    for k in range(classes):
        own = labels == k
        spread = np.cov(centred[own | shared].T, bias=True)
        gaps = inputs - inputs[own].mean(0)
        squares = np.einsum('ni,ij,nj->n', gaps, np.linalg.inv(spread), gaps)
        volume = np.linalg.slogdet(spread)[1]
        logits.append(np.log(own.mean()) - (volume + squares) / 2)
    wanted = np.stack(logits, 1) - np.logaddexp.reduce(logits, 0)[:, None]
    # Parameters and logits are float32: 2e-4 nats of up to 600, 0.01 of 31,000.
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-3)
    if load is not load_breast_cancer:  # which scikit-learn takes for singular
        model = (
            LinearDiscriminantAnalysis(solver='lsqr')
            if shared
            else QuadraticDiscriminantAnalysis(solver='eigen')
        )
        theirs = model.fit(inputs, labels).predict_log_proba(inputs)
        np.testing.assert_allclose(got, theirs, atol=1e-3)


def test_a_unit_of_a_feature_changes_no_posterior() -> None:
    units = np.float32(10.0) ** np.arange(-6, 7)
    net = GaussianClassifier(3, shared=True)
    plain, scaled = (
        log_softmax(joint(net, solve(x, Y, classes=3, shared=True), x))
        for x in (X, X * units)
    )
    np.testing.assert_allclose(scaled, plain, atol=2e-4)


@pytest.mark.heavy
def test_a_constant_feature_and_few_examples_leave_all_finite() -> None:
    inputs = np.append(X[::30], np.full((6, 1), 0.1, np.float32), axis=1)
    labels = np.arange(6) % 2
    params = solve(inputs, labels, classes=2)
    logits = np.asarray(joint(GaussianClassifier(2), params, inputs))
    assert np.isfinite(logits).all() and (logits.argmax(1) == labels).all()


@pytest.mark.heavy
@pytest.mark.parametrize('diagonal', [True, False])
def test_a_singular_covariance_is_refused_without_a_floor(diagonal: bool) -> None:
    inputs = np.append(X[::30], np.full((6, 1), 0.1, np.float32), axis=1)
    labels = np.arange(6) % 2
    with pytest.raises(ValueError, match='class 0 is singular.*floor above 0'):
        rules.gaussian_classes(inputs, labels, classes=2, diagonal=diagonal, floor=0.0)


def covariances(net: GaussianClassifier, params: PyTree) -> np.ndarray:
    """Invert WᵀW in float64: [classes, features, features]."""
    made = []
    for group, logs in enumerate(np.asarray(params['log_diagonal'], np.float64)):
        factor = np.diag(np.exp(logs))
        if not net.diagonal:
            factor[np.tril_indices(len(logs), -1)] = params['lower'][group]
        made.append(np.linalg.inv(factor.T @ factor))
    return np.broadcast_to(np.stack(made), (net.classes, *made[0].shape))


@pytest.mark.parametrize('name', some(heavy='quadratic_discriminant_analysis'))
def test_the_logits_of_what_is_seen_are_those_of_the_marginal(name: str) -> None:
    net, params = solved(name)
    seen = np.random.default_rng(0).random((6, 13)) < 0.5
    seen[0], seen[1] = True, False
    inputs = np.where(seen, X[:6], np.nan)
    got = joint(net, params, inputs, seen)
    means, spread = np.float64(params['means']), covariances(net, params)
    for example, mask in enumerate(seen):
        for label in range(3):
            log = float(params['log_prior'][label])
            if mask.any():
                part = spread[label][np.ix_(mask, mask)]
                density = multivariate_normal(means[label][mask], part)
                log += density.logpdf(X[example][mask])
            np.testing.assert_allclose(got[example, label], log, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(got[:1], joint(net, params, X[:1]), rtol=1e-4)


@pytest.mark.heavy
def test_the_density_is_one_in_all() -> None:
    net = GaussianClassifier(classes=2)
    axis = np.linspace(-8, 8, 161, dtype=np.float32)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    params = jax.jit(net.init)(jax.random.key(0), points)['params']
    params['lower'] = np.array([[0.7], [-0.4]], np.float32)
    density = np.exp(joint(net, params, points))
    np.testing.assert_allclose(density.sum(axis=0) * 0.1**2, [0.5, 0.5], rtol=1e-4)


@pytest.mark.heavy
def test_the_solution_is_where_the_joint_likelihood_is_flat() -> None:
    net = GaussianClassifier(shared=True, diagonal=True)  # which scikit-learn lacks
    params = solve(X, Y, classes=3, shared=True, diagonal=True, floor=0.0)

    @jax.jit
    @jax.value_and_grad
    def likelihood(params: PyTree) -> Array:
        return net.apply({'params': params}, X)[np.arange(len(Y)), Y].mean()

    assert params['log_diagonal'].shape == (1, 13)
    best, gradient = likelihood(params)
    for leaf in jax.tree.leaves(gradient):
        np.testing.assert_allclose(leaf, np.zeros(leaf.shape), atol=2e-4)
    worse = {**params, 'log_diagonal': np.asarray(params['log_diagonal']) + 0.1}
    assert likelihood(worse)[0] < best


@pytest.mark.heavy
def test_the_gradient_passes_through_what_is_integrated_out() -> None:
    net, params = solved('quadratic_discriminant_analysis')
    params = jax.tree.map(np.asarray, params)
    seen = np.random.default_rng(1).random((4, 13)) < 0.5

    @jax.jit
    @jax.value_and_grad
    def second(params: PyTree) -> Array:
        return net.apply({'params': params}, X[:4], seen)[:, 1].sum()

    gradient = second(params)[1]
    step = 1e-2

    def moved(by: float) -> Array:
        return second(jax.tree.map(lambda p: p + np.float32(by * 0.5), params))[0]

    difference = (moved(step) - moved(-step)) / (2 * step)
    dots = [np.sum(leaf) * 0.5 for leaf in jax.tree.leaves(gradient)]
    np.testing.assert_allclose(sum(dots), difference, rtol=1e-2)


def test_what_is_hidden_is_integrated_out_without_mapped_decompositions() -> None:
    net = GaussianClassifier()
    inputs, seen = np.ones((4, 5), np.float32), np.eye(4, 5, dtype=bool)
    variables = jax.eval_shape(net.init, jax.random.key(0), inputs)
    several = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((2, *leaf.shape), leaf.dtype), variables
    )
    mapped = jax.vmap(lambda variables: net.apply(variables, inputs, seen))
    text = jax.jit(mapped).lower(several).as_text()
    assert set(re.findall(r'num_batch_dims = "(\d)"', text)) == {'0'}


@pytest.mark.heavy
def test_members_fit_their_own_examples_without_mapped_decompositions() -> None:
    both = container(
        plane=create_model('linear_discriminant_analysis'),
        curve=create_model('quadratic_discriminant_analysis'),
    )
    rule = fit_classes(shrinkage=0.1)
    players = {
        name: Player(optax.sgd(1.0), direction=within(name, rule), trains=(name,))
        for name in ('plane', 'curve')
    }
    train, source = ensemble(learner(both, players), resident(BATCH, 60), 2)
    key = jax.random.key(0)
    position, batch = jax.jit(source.init)(key)
    state = jax.jit(train.init)(key, batch)
    update = jax.jit(train.update).lower(key, state, batch)
    assert set(re.findall(r'num_batch_dims = "(\d)"', update.as_text())) == {'0'}
    state = update.compile()(key, state, batch)[0]
    means = np.asarray(state.params['plane']['means'])
    assert np.abs(means[0] - means[1]).max() > 0.01
    np.testing.assert_allclose(means, state.params['curve']['means'], atol=1e-6)


def test_a_class_without_examples_is_never_chosen() -> None:
    params = solve(X, Y, classes=4, shared=True, shrinkage=0.1)
    logits = np.asarray(joint(GaussianClassifier(4, shared=True), params, X))
    assert np.isfinite(logits).all() and (logits.argmax(axis=1) == Y).mean() > 0.95


@pytest.mark.heavy
def test_logistic_regression_equals_scikit_learn_of_the_same_penalty() -> None:
    # Its penalty is ‖w‖²/2 beside the sum of the losses; here is their mean.
    decay = optax.add_decayed_weights(1 / len(X), mask={'kernel': True, 'bias': False})
    player = Player(
        optax.chain(decay, optax.sgd(0.3, 0.9, nesterov=True)),
        loss=classify('features'),
    )
    train = learner(create_model('logistic_regression', classes=3), {'fit': player})
    state, _ = fit(
        train, resident(BATCH), steps=1500, key=jax.random.key(0), chunk=1500
    )
    model = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(np.float64(X), Y)
    kernel, bias = (np.asarray(state.params[k]) for k in ('kernel', 'bias'))
    np.testing.assert_allclose(kernel, model.coef_.T, atol=1e-4)
    # Adding a number to all logits changes nothing, and only the kernel is penalised.
    wanted = model.intercept_ - model.intercept_.mean()
    np.testing.assert_allclose(bias - bias.mean(), wanted, atol=1e-4)


def test_settings_and_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match='classes is 1'):
        GaussianClassifier(1)
    with pytest.raises(ValueError, match=r'observed has shape \(2,\), wanted \(2, 4\)'):
        GaussianClassifier().init(jax.random.key(0), np.ones((2, 4)), np.ones(2))
    with pytest.raises(ValueError, match='flatten the examples'):
        rules.gaussian_classes(X, Y[:3], classes=3)
    with pytest.raises(ValueError, match='shrinkage is 2'):
        rules.gaussian_classes(X, Y, classes=3, shrinkage=2.0)
