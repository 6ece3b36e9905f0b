"""Variational objectives on a net whose likelihood and posterior are known."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy import stats

from dljax import create_model
from dljax.data import resident
from dljax.losses import gaussian_divergence, gaussian_log_density
from dljax.metrics import importance_weighted_bound
from dljax.models.autoencoder import VariationalAutoencoder
from dljax.models.feedforward import MLP
from dljax.objectives import elbo, score_variational
from dljax.training import Player, fit, learner
from dljax.types import Array, PyTree

# x = W z + b + ε with z ~ N(0, 1) and ε ~ N(0, I): one number z for three of x.
LOADINGS, OFFSET = np.array([[1.0, -2.0, 0.5]]), np.array([0.3, 0.0, -1.0])
PRECISION = 1 + float((LOADINGS**2).sum())
NET = VariationalAutoencoder(
    MLP(hidden=(), outputs=2), MLP(hidden=(), outputs=3), 1, (3,), logits=False
)
DATA = np.random.default_rng(0).multivariate_normal(
    OFFSET, LOADINGS.T @ LOADINGS + np.eye(3), 8
)
BATCH = {'x': DATA.astype(np.float32)}
KEY = jax.random.key(0)


def distance(outputs: Array, targets: Array) -> Array:
    return -gaussian_log_density(targets, outputs, jnp.zeros_like(outputs))


def exact() -> np.ndarray:
    return stats.multivariate_normal(OFFSET, LOADINGS.T @ LOADINGS + np.eye(3)).logpdf(
        DATA
    )


def params(shift: float = 0.0, log_spread: float = 0.0) -> PyTree:
    """The true decoder, with the true posterior or one that is shifted and wider."""
    kernel = LOADINGS.T / PRECISION
    bias = [shift - float((OFFSET @ kernel)[0]), log_spread - math.log(PRECISION)]
    kernel = np.concatenate([kernel, np.zeros((3, 1))], axis=1)
    return {
        'encoder': {'output': {'kernel': np.float32(kernel), 'bias': np.float32(bias)}},
        'decoder': {
            'output': {'kernel': np.float32(LOADINGS), 'bias': np.float32(OFFSET)}
        },
    }


def scores(variables: PyTree, samples: tuple[int, ...], seed: int = 0) -> PyTree:
    score = score_variational('x', samples=samples, reconstruction=distance)
    rngs = {'noise': jax.random.key(seed)}
    call = jax.jit(nn.apply(score, NET))
    return jax.tree.map(np.asarray, call({'params': variables}, BATCH, 0, rngs=rngs))


def test_under_the_true_posterior_every_draw_gives_the_exact_likelihood() -> None:
    found = scores(params(), (1, 2))
    np.testing.assert_allclose(found['bound_1'], exact(), rtol=1e-4)
    np.testing.assert_allclose(found['bound_2'], exact(), rtol=1e-4)


@pytest.mark.heavy
def test_the_bound_rises_with_the_samples_to_the_exact_likelihood() -> None:
    found = scores(params(shift=0.5, log_spread=0.7), (1, 5, 50, 5000))
    bounds = [float(found[f'bound_{k}'].mean()) for k in (1, 5, 50, 5000)]
    assert bounds[0] < bounds[1] - 0.1 and bounds[1] < bounds[2] - 0.02
    assert bounds[2] < bounds[3]
    np.testing.assert_allclose(bounds[3], exact().mean(), atol=0.02)
    # The ELBO, its divergence in closed form, is the bound of one sample on average.
    assert abs(float(found['elbo'].mean()) - bounds[0]) < 0.05


@pytest.mark.exhaustive
def test_the_gap_of_the_elbo_is_the_divergence_from_the_true_posterior() -> None:
    found = scores(params(shift=0.5, log_spread=0.7), (5000,))
    # N(μ + s, e^a σ²) from N(μ, σ²), as the standard normal sees it.
    gap = gaussian_divergence(
        jnp.full((1, 1), 0.5 * math.sqrt(PRECISION)), jnp.full((1, 1), 0.7)
    )
    np.testing.assert_allclose(exact().mean() - found['elbo'].mean(), gap, rtol=0.05)


@pytest.mark.heavy
def test_the_loss_is_distortion_and_weighted_rate_which_warms_up() -> None:
    def loss(samples: int = 1, **settings: float) -> tuple:
        objective = elbo('x', samples=samples, reconstruction=distance, **settings)
        rngs = {'noise': jax.random.key(1)}
        call = jax.jit(nn.apply(objective, NET))
        found = call({'params': params(0.5)}, BATCH, np.int32(0), rngs=rngs)
        return jax.tree.map(np.asarray, found)

    value, metrics = loss(beta=4.0)
    rate = metrics['rate'] * math.log(2)
    mean = DATA @ LOADINGS.T / PRECISION - OFFSET @ LOADINGS.T / PRECISION + 0.5
    wanted = gaussian_divergence(mean, np.full(mean.shape, -math.log(PRECISION)))
    np.testing.assert_allclose(rate, wanted.mean(), rtol=1e-5)
    np.testing.assert_allclose(value, metrics['distortion'] + 4 * rate, rtol=1e-5)
    objective = elbo('x', reconstruction=distance, beta=2.0, warm_up=10)
    warming = jax.jit(nn.apply(objective, NET))
    rngs = {'noise': jax.random.key(1)}
    for step, beta in ((0, 0.0), (5, 1.0), (10, 2.0), (99, 2.0)):
        value, metrics = warming(
            {'params': params(0.5)}, BATCH, np.int32(step), rngs=rngs
        )
        assert metrics['beta'] == beta
        np.testing.assert_allclose(
            value, metrics['distortion'] + beta * rate, rtol=1e-5
        )
    # E ‖x - W z - b‖² / 2 over the posterior, in closed form.
    _, metrics = loss(samples=4000)
    centre = distance(mean @ LOADINGS + OFFSET, BATCH['x']).mean()
    wanted = centre + 0.5 * (LOADINGS**2).sum() / PRECISION
    np.testing.assert_allclose(metrics['distortion'], wanted, rtol=0.01)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('beta', [0.0, 1.0])
def test_a_gradient_reaches_means_and_variances_through_the_samples(
    beta: float,
) -> None:
    objective = elbo('x', beta=beta, reconstruction=distance)

    def loss(params: PyTree) -> Array:
        rngs = {'noise': KEY}
        return nn.apply(objective, NET)({'params': params}, BATCH, 0, rngs=rngs)[0]

    gradient = jax.jit(jax.grad(loss))(params(0.5))
    assert all((np.abs(leaf) > 1e-3).all() for leaf in jax.tree.leaves(gradient))


@pytest.mark.heavy
def test_training_comes_to_the_exact_likelihood_of_the_best_model() -> None:
    """Of one factor, fitted to many data by maximum likelihood, as is known."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(400, 1)) @ LOADINGS + rng.normal(size=(400, 3)) + OFFSET
    data = {'x': jnp.asarray(points, jnp.float32)}
    player = Player(
        optax.adam(optax.linear_schedule(0.05, 0.0, 600)),
        loss=elbo('x', reconstruction=distance, samples=4),
    )
    train = learner(NET, {'vae': player})
    state, metrics = fit(train, resident(data), steps=600, key=KEY, chunk=100)
    # With unit noise the best loading is the first component, scaled by √(λ - 1).
    centred = points - points.mean(0)
    values, axes = np.linalg.eigh(centred.T @ centred / len(points))
    best = np.sqrt(values[-1] - 1) * axes[:, -1]
    model = stats.multivariate_normal(points.mean(0), np.outer(best, best) + np.eye(3))
    np.testing.assert_allclose(
        -metrics['vae/loss'][-50:].mean(), model.logpdf(points).mean(), atol=0.01
    )
    found = np.asarray(state.params['decoder']['output']['kernel'])[0]
    np.testing.assert_allclose(abs(found @ best) / (best @ best), 1, atol=0.05)


@pytest.mark.heavy
def test_the_label_is_given_to_a_conditional_net() -> None:
    net = create_model('conditional_vae', code=2, hidden=(8,), shape=(4, 4, 1))
    batch = {'image': np.ones((3, 4, 4, 1), np.float32), 'label': np.array([0, 1, 2])}
    train = learner(net, {'vae': Player(optax.sgd(0.1), loss=elbo(condition='label'))})
    form, rng = jax.eval_shape(train.init, KEY, batch), np.random.default_rng(0)
    state = jax.tree.map(lambda s: rng.normal(size=s.shape).astype(s.dtype), form)
    kernel = state.params['encoder']['hidden_0']['kernel']
    assert kernel.shape == (16 + 10, 8)
    moved, _ = jax.jit(train.update)(KEY, state, batch)
    for part in ('encoder', 'decoder'):
        before, after = (
            np.asarray(each.params[part]['hidden_0']['kernel'])
            for each in (state, moved)
        )
        rows = (before != after)[-10:].any(1)
        assert rows.tolist() == [True] * 3 + [False] * 7
    score = jax.jit(nn.apply(score_variational(condition='label'), net))
    found = score({'params': state.params}, batch, 0, rngs={'noise': KEY})
    assert found['bound_1'].shape == (3,)


def test_the_bound_of_groups_is_their_mean() -> None:
    log_weights = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    weights = np.exp(np.asarray(log_weights, np.float64))
    bound = jax.jit(importance_weighted_bound, static_argnums=1)
    for k in (1, 3):
        wanted = np.log(weights.reshape(-1, k, 2).mean(1)).mean(0)
        got = bound(log_weights, k)
        np.testing.assert_allclose(got, wanted, rtol=1e-5)
    far = bound(log_weights + np.float32(1e4))
    np.testing.assert_allclose(far, np.log(weights.mean(0)) + 1e4, rtol=1e-6)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match='beta is -1'):
        elbo(beta=-1)
    with pytest.raises(ValueError, match='samples 0'):
        elbo(samples=0)
    with pytest.raises(ValueError, match='each a divisor of the largest'):
        score_variational(samples=(2, 5))
    with pytest.raises(ValueError, match='samples is 4 for 6 draws'):
        importance_weighted_bound(jnp.zeros((6, 1)), 4)
