"""Boltzmann machines: the rule against exact gradients, log Z against enumeration."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy.special import logsumexp

from dljax import metrics, rules
from dljax.data import resident
from dljax.models.energy import RestrictedBoltzmannMachine
from dljax.objectives import contrastive_divergence, score_machine
from dljax.training import Player, evaluate, fit, learner

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
NET = RestrictedBoltzmannMachine(
    visible=6, hidden=4, kernel_init=nn.initializers.normal(0.3)
)
PARAMS = {
    'kernel': RNG.normal(size=(6, 4)).astype(np.float32),
    'visible_bias': RNG.normal(size=6).astype(np.float32),
    'hidden_bias': RNG.normal(size=4).astype(np.float32),
}
DATA = RNG.integers(0, 2, (9, 6)).astype(np.float32)
log_partition = jax.jit(metrics.log_partition)
rule = jax.jit(rules.contrastive_divergence)
# Two patterns and their noise, which independent pixels cannot tell.
PATTERNS = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], np.float32)
PAIRED = np.abs(
    PATTERNS[RNG.integers(0, 2, 400)] - (RNG.uniform(size=(400, 6)) < 0.05)
).astype(np.float32)


def every(units: int) -> np.ndarray:
    return np.array(list(itertools.product([0, 1], repeat=units)), np.float64)


def twin_log_z(params: dict) -> float:
    """Sum over all states of both layers, in float64."""
    w, b, c = (
        np.asarray(params[k], np.float64)
        for k in ('kernel', 'visible_bias', 'hidden_bias')
    )
    v, h = every(len(b)), every(len(c))
    return np.log(np.exp((v @ w @ h.T) + (v @ b)[:, None] + (h @ c)[None, :]).sum())


def bound(method: object, *arguments: object) -> np.ndarray:
    call = jax.jit(lambda params, *given: NET.apply(params, *given, method=method))
    return np.asarray(call({'params': PARAMS}, *arguments))


def test_the_free_energy_sums_over_the_hidden_states() -> None:
    h = np.float32(every(4))
    pairs = np.repeat(DATA, 16, axis=0), np.tile(h, (9, 1))
    table = bound(NET.energy, *pairs).reshape(9, 16)
    for v, free, energies in zip(DATA, bound(NET.__call__, DATA), table, strict=True):
        w, b, c = (PARAMS[k] for k in ('kernel', 'visible_bias', 'hidden_bias'))
        by_hand = -(v @ b) - h @ c - h @ (v @ w)
        np.testing.assert_allclose(energies, by_hand, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(free, -logsumexp(-energies), rtol=1e-5)


@pytest.mark.heavy
def test_with_the_exact_model_the_rule_is_the_gradient_of_the_likelihood() -> None:
    def cost(params: dict) -> jax.Array:
        free = NET.apply({'params': params}, DATA)
        return free.mean() + metrics.log_partition(params)

    states = np.asarray(metrics.states(6))
    log_z = log_partition(PARAMS)
    probabilities = np.exp(-bound(NET.__call__, states) - log_z)
    np.testing.assert_allclose(probabilities.sum(), 1.0, rtol=1e-5)
    got = rule(PARAMS, DATA, states, probabilities)
    wanted = jax.jit(jax.grad(cost))(PARAMS)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), got, wanted)
    assert all(np.abs(leaf).max() > 0.01 for leaf in jax.tree.leaves(wanted))


def test_where_model_and_data_agree_nothing_moves() -> None:
    for leaf in jax.tree.leaves(rule(PARAMS, DATA, DATA)):
        np.testing.assert_allclose(leaf, np.zeros(leaf.shape), atol=1e-7)


@pytest.mark.parametrize('shape', [(6, 4), (4, 6), (15, 13), (3, 1)])
def test_log_z_is_the_sum_over_all_states(shape: tuple[int, int]) -> None:
    v, h = shape
    params = {
        'kernel': np.float32(0.5 * RNG.normal(size=shape)),
        'visible_bias': np.float32(RNG.normal(size=v)),
        'hidden_bias': np.float32(RNG.normal(size=h)),
    }
    if v * h < 100:
        wanted = twin_log_z(params)
    else:  # two blocks of states: the larger layer summed by hand
        w, b, c = (np.asarray(params[k], np.float64) for k in params)
        states = every(h)
        field = np.logaddexp(0, b + states @ w.T).sum(1)
        wanted = np.log(np.exp(states @ c + field).sum())
    np.testing.assert_allclose(log_partition(params), wanted, rtol=1e-5)


@pytest.mark.heavy
def test_gibbs_steps_keep_the_distribution_of_the_machine() -> None:
    states = np.asarray(metrics.states(6))
    probabilities = np.exp(-bound(NET.__call__, states) - log_partition(PARAMS))
    chosen = np.random.default_rng(1).choice(
        64, 20000, p=probabilities / probabilities.sum()
    )
    after = bound(NET.gibbs, jax.random.key(1), states[chosen], 1)
    code = (after @ (2.0 ** np.arange(6))).astype(int)
    found = np.bincount(code, minlength=64) / 20000
    assert np.abs(found - probabilities).max() < 0.01
    # and from elsewhere they come to it
    alike = np.zeros((20000, 6), np.float32)
    far = bound(NET.gibbs, jax.random.key(2), alike, 50)
    code = (far @ (2.0 ** np.arange(6))).astype(int)
    found = np.bincount(code, minlength=64) / 20000
    assert np.abs(found - probabilities).max() < 0.01 < probabilities.max()


def trained(**settings: object) -> tuple:
    rule = contrastive_divergence('features', **settings)
    train = learner(NET, {'rbm': Player(optax.sgd(0.2), direction=rule)})
    source = resident({'features': PAIRED}, 50)
    return fit(train, source, steps=1500, key=KEY, chunk=500)


@pytest.mark.parametrize(
    'settings',
    [
        pytest.param({'persistent': True}, marks=pytest.mark.heavy),
        pytest.param({'steps': 1}, marks=pytest.mark.exhaustive),
        pytest.param({'steps': 5}, marks=pytest.mark.exhaustive),
    ],
    ids=str,
)
def test_a_machine_learns_what_independent_pixels_cannot(settings: dict) -> None:
    state, _ = trained(**settings)
    score = score_machine('features', exact=True)
    found = evaluate(NET, score, state, [{'features': PAIRED}])
    probabilities = PAIRED.mean(0)
    independent = (
        probabilities * np.log(probabilities)
        + (1 - probabilities) * np.log(1 - probabilities)
    ).sum()
    # The source's own entropy is log 2 + 6 H(0.05) = 1.88 nats.
    assert independent < -4.1 and found['log_likelihood'] > -2.8


@pytest.mark.heavy
def test_annealing_finds_log_z_within_its_error_bar() -> None:
    params = trained(persistent=True)[0].params
    exact = float(twin_log_z(params))
    probabilities = np.clip(PAIRED.mean(0), 0.01, 0.99)
    base = jnp.asarray(np.log(probabilities / (1 - probabilities)), jnp.float32)

    @jax.jit
    @jax.vmap
    def estimates(seed: jax.Array) -> metrics.Estimate:
        key = jax.random.key(seed)
        return metrics.annealed_importance_sampling(
            key, params, base, runs=200, steps=300
        )

    found = estimates(jnp.arange(20))
    off = np.abs(np.asarray(found.value) - exact) / np.asarray(found.error)
    assert (off < 3).all() and (found.error < 0.1).all()
    assert (found.low < exact).all() and (exact < found.high).all()
    # Bars that were far too wide would pass as well: a third lies beyond one error.
    assert 0.4 < np.sqrt(np.square(off).mean()) < 1.8
    assert abs(float(found.value[0]) - exact) < 0.3 * abs(
        exact - float(jax.nn.softplus(base).sum() + 4 * np.log(2))
    )


def test_the_pseudo_likelihood_is_that_of_the_conditionals() -> None:
    call = jax.jit(nn.apply(score_machine('features'), NET))
    score = call({'params': PARAMS}, {'features': DATA}, 0)
    log_p = {
        tuple(v): -f
        for v, f in zip(
            every(6).astype(int).tolist(),
            bound(NET.__call__, np.float32(every(6))),
            strict=True,
        )
    }
    for v, got in zip(
        np.asarray(DATA, int), score['pseudo_log_likelihood'], strict=True
    ):
        wanted = 0.0
        for i in range(6):
            other = v.copy()
            other[i] = 1 - other[i]
            here, there = log_p[tuple(v.tolist())], log_p[tuple(other.tolist())]
            wanted += here - np.logaddexp(here, there)
        np.testing.assert_allclose(got, wanted, rtol=1e-4)


@pytest.mark.heavy
def test_persistent_chains_go_on_and_others_start_at_the_data() -> None:
    rule = contrastive_divergence('features', persistent=True)
    train = learner(NET, {'rbm': Player(optax.sgd(0.0), direction=rule)})
    batch = {'features': DATA}
    state, update = jax.jit(train.init)(KEY, batch), jax.jit(train.update)
    np.testing.assert_array_equal(state.collections['chain']['visible'], DATA)
    seen = []
    for _ in range(3):
        state, _ = update(KEY, state, {'features': np.zeros_like(DATA)})
        seen.append(np.asarray(state.collections['chain']['visible']))
    assert seen[0].any() and (seen[0] != seen[1]).any() and (seen[1] != seen[2]).any()
    # Another batch size is scored: the chain is left behind.
    evaluate(NET, score_machine('features'), state, [{'features': DATA[:2]}])
    plain = learner(
        NET,
        {'rbm': Player(optax.sgd(0.0), direction=contrastive_divergence('features'))},
    )
    assert 'chain' not in jax.eval_shape(plain.init, KEY, batch).collections


@pytest.mark.heavy
def test_weight_decay_draws_the_weights_alone() -> None:
    variables = {'params': PARAMS}
    directions = []
    for decay in (0.0, 0.5):
        objective = contrastive_divergence('features', weight_decay=decay)
        call = jax.jit(nn.apply(objective, NET))
        found, _ = call(variables, {'features': DATA}, 0, rngs={'gibbs': KEY})
        directions.append(jax.tree.map(np.asarray, found))
    gap = jax.tree.map(np.subtract, directions[1], directions[0])
    np.testing.assert_allclose(gap['kernel'], 0.5 * PARAMS['kernel'], atol=1e-6)
    assert not gap['visible_bias'].any() and not gap['hidden_bias'].any()


def test_settings_and_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match='hidden is 0'):
        RestrictedBoltzmannMachine(hidden=0)
    with pytest.raises(ValueError, match='5 numbers an example, wanted 6'):
        bound(NET.__call__, jnp.ones((2, 5)))
    with pytest.raises(ValueError, match='flatten the images'):
        rules.contrastive_divergence(PARAMS, DATA[:, :5], DATA)
    with pytest.raises(ValueError, match='steps=0'):
        contrastive_divergence(steps=0)
    large = {'kernel': jnp.ones((25, 25)), 'visible_bias': 0, 'hidden_bias': 0}
    large = jax.tree.map(jnp.asarray, large)
    with pytest.raises(ValueError, match='annealed_importance_sampling'):
        metrics.log_partition(large)
    with pytest.raises(ValueError, match='runs=1'):
        metrics.annealed_importance_sampling(KEY, PARAMS, jnp.zeros(6), runs=1)
    with pytest.raises(ValueError, match=r'wanted \(6,\)'):
        metrics.annealed_importance_sampling(KEY, PARAMS, jnp.zeros(4))
