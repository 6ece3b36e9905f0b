"""Gaussian classifiers, their closed form, and the logistic regression beside them."""

import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
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


def fitted(name: str) -> tuple[nn.Module, PyTree]:
    """Learn through the engine, as an experiment does: one move arrives."""
    net = create_model(name, classes=3)
    player = Player(optax.sgd(1.0), direction=fit_classes(**SETTINGS[name]))
    state, _ = fit(
        learner(net, {'fit': player}), resident(BATCH), steps=1, key=jax.random.key(0)
    )
    return net, {'params': state.params}


@pytest.mark.parametrize('name', KINDS)
def test_after_one_move_the_posteriors_equal_scikit_learn(name: str) -> None:
    net, variables = fitted(name)
    model = KINDS[name].fit(np.float64(X), Y)
    logits = net.apply(variables, X)
    np.testing.assert_allclose(
        jax.nn.log_softmax(logits), model.predict_log_proba(np.float64(X)), atol=2e-3
    )
    np.testing.assert_allclose(
        jax.nn.softmax(logits), model.predict_proba(np.float64(X)), atol=2e-5
    )


@pytest.mark.parametrize('load', [load_iris, load_wine, load_breast_cancer])
@pytest.mark.parametrize('shared', [True, False])
def test_raw_features_of_any_unit_have_the_posteriors_of_float64(
    load: Callable, shared: bool
) -> None:
    inputs, labels = load(return_X_y=True)
    classes = labels.max() + 1
    # By default, with a floor that the small units of a table do not feel.
    fit = jax.jit(rules.gaussian_classes, static_argnames=('classes', 'shared'))
    params = fit(inputs, labels, classes=classes, shared=shared)
    net = GaussianClassifier(classes, shared=shared)
    got = jax.nn.log_softmax(net.apply({'params': params}, inputs))
    joint = []
    centred = inputs - np.stack([inputs[labels == k].mean(0) for k in labels])
    for k in range(classes):
        own = labels == k
        spread = np.cov(centred[own | shared].T, bias=True)
        gaps = inputs - inputs[own].mean(0)
        squares = np.einsum('ni,ij,nj->n', gaps, np.linalg.inv(spread), gaps)
        joint.append(np.log(own.mean()) - (np.linalg.slogdet(spread)[1] + squares) / 2)
    wanted = np.stack(joint, 1) - np.logaddexp.reduce(joint, 0)[:, None]
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
    plain, scaled = (
        jax.nn.log_softmax(
            GaussianClassifier(3, shared=True).apply(
                {'params': rules.gaussian_classes(x, Y, classes=3, shared=True)}, x
            )
        )
        for x in (X, X * units)
    )
    np.testing.assert_allclose(scaled, plain, atol=2e-4)


def test_a_constant_feature_and_few_examples_leave_all_finite() -> None:
    inputs = np.append(X[::30], np.full((6, 1), 0.1, np.float32), axis=1)
    labels = np.arange(6) % 2
    params = rules.gaussian_classes(inputs, labels, classes=2)
    logits = GaussianClassifier(2).apply({'params': params}, inputs)
    assert jnp.isfinite(logits).all() and (logits.argmax(1) == labels).all()
    with pytest.raises(ValueError, match='class 0 is singular.*floor above 0'):
        rules.gaussian_classes(inputs, labels, classes=2, floor=0.0)


def covariances(net: GaussianClassifier, params: PyTree) -> np.ndarray:
    """Invert WᵀW in float64: [classes, features, features]."""
    made = []
    for group, logs in enumerate(np.asarray(params['log_diagonal'], np.float64)):
        factor = np.diag(np.exp(logs))
        if not net.diagonal:
            factor[np.tril_indices(len(logs), -1)] = params['lower'][group]
        made.append(np.linalg.inv(factor.T @ factor))
    return np.broadcast_to(np.stack(made), (net.classes, *made[0].shape))


@pytest.mark.parametrize('name', KINDS)
def test_the_logits_of_what_is_seen_are_those_of_the_marginal(name: str) -> None:
    net, variables = fitted(name)
    params = variables['params']
    seen = np.random.default_rng(0).random((6, 13)) < 0.5
    seen[0], seen[1] = True, False
    inputs = np.where(seen, X[:6], np.nan)
    got = jax.jit(net.apply)(variables, inputs, seen)
    means, spread = np.float64(params['means']), covariances(net, params)
    for example, mask in enumerate(seen):
        for label in range(3):
            joint = params['log_prior'][label]
            if mask.any():
                part = spread[label][np.ix_(mask, mask)]
                density = multivariate_normal(means[label][mask], part)
                joint += density.logpdf(X[example][mask])
            np.testing.assert_allclose(got[example, label], joint, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(got[:1], net.apply(variables, X[:1]), rtol=1e-4)


def test_the_density_is_one_in_all() -> None:
    net = GaussianClassifier(classes=2)
    axis = jnp.linspace(-8, 8, 161)
    points = jnp.stack(jnp.meshgrid(axis, axis), -1).reshape(-1, 2)
    variables = net.init(jax.random.key(0), points)
    variables['params']['lower'] = jnp.array([[0.7], [-0.4]])
    joint = jnp.exp(net.apply(variables, points))
    np.testing.assert_allclose(joint.sum(axis=0) * 0.1**2, [0.5, 0.5], rtol=1e-4)


def test_the_solution_is_where_the_joint_likelihood_is_flat() -> None:
    net = GaussianClassifier(shared=True, diagonal=True)  # which scikit-learn lacks
    params = rules.gaussian_classes(
        X, Y, classes=3, shared=True, diagonal=True, floor=0.0
    )

    def likelihood(params: PyTree) -> Array:
        return net.apply({'params': params}, X)[jnp.arange(len(Y)), Y].mean()

    assert params['log_diagonal'].shape == (1, 13)
    for leaf in jax.tree.leaves(jax.grad(likelihood)(params)):
        np.testing.assert_allclose(leaf, np.zeros(leaf.shape), atol=2e-4)
    worse = {**params, 'log_diagonal': params['log_diagonal'] + 0.1}
    assert likelihood(worse) < likelihood(params)


def test_the_gradient_passes_through_what_is_integrated_out() -> None:
    net, variables = fitted('quadratic_discriminant_analysis')
    seen = np.random.default_rng(1).random((4, 13)) < 0.5

    def joint(params: PyTree) -> Array:
        return net.apply({'params': params}, X[:4], seen)[:, 1].sum()

    params = variables['params']
    gradient = jax.jit(jax.grad(joint))(params)
    along = jax.tree.map(lambda p: jnp.full(p.shape, 0.5), params)
    step = 1e-2

    def moved(by: float) -> Array:
        return joint(jax.tree.map(lambda p, a: p + by * a, params, along))

    slope = (moved(step) - moved(-step)) / (2 * step)
    dots = jax.tree.map(lambda g, a: (g * a).sum(), gradient, along)
    np.testing.assert_allclose(sum(jax.tree.leaves(dots)), slope, rtol=1e-2)


def test_what_is_hidden_is_integrated_out_without_mapped_decompositions() -> None:
    net = GaussianClassifier()
    inputs, seen = jnp.ones((4, 5)), jnp.eye(4, 5, dtype=bool)
    variables = net.init(jax.random.key(0), inputs)
    several = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), variables)
    mapped = jax.vmap(lambda variables: net.apply(variables, inputs, seen))
    text = jax.jit(mapped).lower(several).as_text()
    assert set(re.findall(r'num_batch_dims = "(\d)"', text)) == {'0'}


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
    state, _ = fit(train, source, steps=1, key=jax.random.key(0))
    means = state.params['plane']['means']
    assert jnp.abs(means[0] - means[1]).max() > 0.01
    np.testing.assert_allclose(means, state.params['curve']['means'], atol=1e-6)
    key = jax.random.key(0)
    position, batch = source.init(key)
    text = jax.jit(train.update).lower(key, state, batch).as_text()
    assert set(re.findall(r'num_batch_dims = "(\d)"', text)) == {'0'}


def test_a_class_without_examples_is_never_chosen() -> None:
    params = rules.gaussian_classes(X, Y, classes=4, shared=True, shrinkage=0.1)
    logits = GaussianClassifier(4, shared=True).apply({'params': params}, X)
    assert jnp.isfinite(logits).all() and (logits.argmax(axis=1) == Y).mean() > 0.95


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
    kernel = state.params['kernel']
    np.testing.assert_allclose(kernel, model.coef_.T, atol=1e-4)
    # Adding a number to all logits changes nothing, and only the kernel is penalised.
    bias = state.params['bias'] - state.params['bias'].mean()
    np.testing.assert_allclose(
        bias, model.intercept_ - model.intercept_.mean(), atol=1e-4
    )


def test_settings_and_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match='classes is 1'):
        GaussianClassifier(1)
    with pytest.raises(ValueError, match=r'observed has shape \(2,\), wanted \(2, 4\)'):
        GaussianClassifier().init(jax.random.key(0), jnp.ones((2, 4)), jnp.ones(2))
    with pytest.raises(ValueError, match='flatten the examples'):
        rules.gaussian_classes(X, Y[:3], classes=3)
    with pytest.raises(ValueError, match='shrinkage is 2'):
        rules.gaussian_classes(X, Y, classes=3, shrinkage=2.0)
