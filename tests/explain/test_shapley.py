"""Shapley values and permutation importance: axioms, enumeration, closed forms."""

import functools
import itertools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from sklearn.linear_model import LogisticRegression

from dljax import explain
from dljax.models.feedforward import MLP
from dljax.types import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5)).astype(np.float32)
BACKGROUND = RNG.normal(size=(3, 5)).astype(np.float32)
NET = MLP((6,), 3)


def mixed(x: Array) -> Array:
    """Depend on five columns, three of which meet, and one of which does nothing."""
    return x[:, 0] * x[:, 1] * x[:, 2] + jnp.sin(x[:, 3]) - x[:, 1] ** 2


def over_orders(function: Callable, x: np.ndarray, background: np.ndarray) -> list:
    """Define the values once more: the mean gain over all orders, one by one."""
    players = len(x)

    def value(present: set) -> float:
        rows = background.copy()
        rows[:, sorted(present)] = x[sorted(present)]
        return float(np.mean(function(rows)))

    found = np.zeros(players)
    for order in itertools.permutations(range(players)):
        for place, player in enumerate(order):
            before = set(order[:place])
            found[player] += value(before | {player}) - value(before)
    return found / math.factorial(players)


def test_all_coalitions_come_to_the_mean_over_all_orders() -> None:
    run = jax.jit(functools.partial(explain.exact_shapley_values, mixed))
    found = run(X, background=BACKGROUND)
    wanted = [over_orders(jax.jit(mixed), x, BACKGROUND) for x in X[:2]]
    np.testing.assert_allclose(found[:2], wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[:, 4], 0, atol=1e-6)


def test_drawn_orders_come_near_to_all_coalitions_and_their_sum_is_exact() -> None:
    exact = explain.exact_shapley_values(mixed, X, background=BACKGROUND)
    drawn = jax.jit(
        functools.partial(explain.shapley_values, mixed, background=BACKGROUND),
        static_argnames='pairs',
    )
    few, many = drawn(X, pairs=1), drawn(X, pairs=400)
    np.testing.assert_allclose(many, exact, atol=0.03)
    assert np.abs(few - exact).max() > 0.03
    difference = mixed(X) - mixed(BACKGROUND).mean()
    for found in (few, many, exact):
        np.testing.assert_allclose(found.sum(1), difference, rtol=1e-4, atol=1e-5)
    others = [drawn(X, pairs=1, key=jax.random.key(seed)) for seed in range(1, 5)]
    assert not all(np.allclose(few, other) for other in others)


def test_a_pair_of_orders_is_exact_where_two_players_meet_at_most() -> None:
    def pairwise(x: Array) -> Array:
        return x[:, 0] * x[:, 1] - x[:, 2] * x[:, 4] + x[:, 3]

    exact = explain.exact_shapley_values(pairwise, X, background=BACKGROUND)
    found = explain.shapley_values(pairwise, X, background=BACKGROUND, pairs=1)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-5)


def test_a_bound_net_is_explained_by_the_logit_of_a_class() -> None:
    variables = NET.init(jax.random.key(0), X)
    label = np.array([2, 0, 1, 1])

    @functools.partial(jax.jit, static_argnums=0)
    def run(method: Callable, label: np.ndarray | None) -> Array:
        explained = functools.partial(method, background=BACKGROUND)
        return nn.apply(explained, NET)(variables, X, label)

    logits, empty = (NET.apply(variables, rows) for rows in (X, BACKGROUND))
    for chosen in (label, None):
        picked = logits.argmax(1) if chosen is None else label
        wanted = logits[np.arange(4), picked] - empty.mean(0)[picked]
        for method in (explain.shapley_values, explain.exact_shapley_values):
            found = run(method, chosen)
            assert found.shape == X.shape and found.dtype == jnp.float32
            np.testing.assert_allclose(found.sum(1), wanted, rtol=1e-4, atol=1e-5)


def test_players_may_be_groups_and_inputs_tokens() -> None:
    weights = jnp.array([0.0, 1.0, -2.0, 4.0])
    tokens = np.array([[1, 2, 3, 0], [3, 3, 1, 2]], np.int32)
    padding = np.zeros((1, 4), np.int32)

    def total(tokens: Array) -> Array:
        return weights[tokens].sum(1)

    found = explain.shapley_values(total, tokens, background=padding, pairs=1)
    np.testing.assert_allclose(found, weights[tokens])
    halves = explain.exact_shapley_values(
        total, tokens, background=padding, players=np.array([0, 0, 1, 1])
    )
    np.testing.assert_allclose(halves, [[-1, 4], [8, -1]])
    image = RNG.normal(size=(2, 2, 3, 1)).astype(np.float32)
    columns = np.arange(3)[None, :, None]
    found = explain.shapley_values(
        lambda x: x.sum((1, 2, 3)), image, background=0 * image[:1], players=columns
    )
    np.testing.assert_allclose(found, image.sum((1, 3)), rtol=1e-5, atol=1e-6)


def test_a_model_of_another_library_goes_in_by_a_callback() -> None:
    model = LogisticRegression().fit(X, [0, 1, 0, 1])

    def chance(x: Array) -> Array:
        shape = jax.ShapeDtypeStruct((len(x), 2), jnp.float32)
        return jax.pure_callback(
            lambda x: model.predict_proba(np.asarray(x)).astype(np.float32), shape, x
        )

    label = np.ones(4, np.int32)
    found = explain.shapley_values(chance, X, label, background=BACKGROUND, pairs=2)
    wanted = model.predict_proba(X)[:, 1] - model.predict_proba(BACKGROUND)[:, 1].mean()
    np.testing.assert_allclose(found.sum(1), wanted, rtol=1e-4, atol=1e-5)


def test_values_under_vmap_and_grad_are_those_of_each() -> None:
    def explained(scale: Array) -> Array:
        return explain.shapley_values(
            lambda x: scale * mixed(x), X, background=BACKGROUND, pairs=2
        )

    scales = jnp.array([1.0, 3.0])
    both = jax.jit(jax.vmap(explained))(scales)
    np.testing.assert_allclose(both[1], 3 * both[0], rtol=1e-4, atol=1e-5)
    slope = jax.jit(jax.grad(lambda scale: explained(scale)[0, 0]))(2.0)
    np.testing.assert_allclose(slope, both[0, 0, 0], rtol=1e-4)


def test_what_is_no_game_is_refused() -> None:
    values = functools.partial(explain.shapley_values, mixed)
    for background in (BACKGROUND[0], BACKGROUND[:, :4], BACKGROUND[None]):
        with pytest.raises(ValueError, match=r'wanted \[examples, 5\]'):
            values(X, background=background)
    with pytest.raises(ValueError, match='4 inputs and 0 examples of the backgr'):
        values(X, background=BACKGROUND[:0])
    with pytest.raises(ValueError, match='0 inputs and 3 examples'):
        values(X[:0], background=BACKGROUND)
    for label in (np.array([0]), np.full(4, 0.5), np.zeros((4, 1), np.int32)):
        with pytest.raises(ValueError, match=r'wanted an integer for each .* \(4,\)'):
            values(X, label, background=BACKGROUND)
    with pytest.raises(ValueError, match='background is float32 and the inputs int32'):
        values(X.astype(np.int32), background=BACKGROUND)
    with pytest.raises(ValueError, match='pairs is 0'):
        values(X, background=BACKGROUND, pairs=0)
    for players in (np.array([0, 1]), np.array([0, 1, 1, 3, 3]), np.ones(5)):
        with pytest.raises(ValueError, match='wanted integers that broadcast to'):
            values(X, background=BACKGROUND, players=players)
    with pytest.raises(ValueError, match='the inputs have shape'):
        values(X[0], background=BACKGROUND)
    with pytest.raises(ValueError, match='wanted logits'):
        explain.shapley_values(lambda x: x[:, None, None], X, background=BACKGROUND)
    wide = np.ones((1, 17), np.float32)
    with pytest.raises(ValueError, match='there are 17 players, wanted 16 at most'):
        explain.exact_shapley_values(lambda x: x.sum(1), wide, background=wide)


def test_importance_is_what_the_score_loses() -> None:
    x = RNG.normal(size=(400, 4)).astype(np.float32)
    x[:, 1] = x[:, 0]  # they tell the same
    truth = x[:, 0] + x[:, 1] + 2 * x[:, 2]

    def score(x: Array) -> Array:
        return -((x[:, 0] + x[:, 1] + 2 * x[:, 2] - truth) ** 2)

    run = jax.jit(functools.partial(explain.permutation_importance, score))
    found = run(x)
    assert found.shape == (8, 4)
    # A shuffled column differs from itself by twice its variance, times its weight².
    variance = x.var(axis=0)
    np.testing.assert_allclose(
        found.mean(0), 2 * variance * [1, 1, 4, 0], rtol=0.1, atol=1e-6
    )
    assert np.unique(found[:, 0]).size == 8
    joined = explain.permutation_importance(score, x, players=np.array([0, 0, 1, 2]))
    np.testing.assert_allclose(joined.mean(0)[0], 2 * variance[0] * 4, rtol=0.1)
    assert explain.permutation_importance(lambda x: 1.0, x).tolist() == [[0.0] * 4] * 8
    for odd in (lambda x: x, lambda x: score(x)[:3]):
        with pytest.raises(ValueError, match=r'the score has shape .* \(400,\), one'):
            explain.permutation_importance(odd, x)
    for inputs, repeats in ((x[:1], 8), (x[:, 0], 8), (x, 0)):
        with pytest.raises(ValueError, match='two examples or more'):
            explain.permutation_importance(score, inputs, repeats=repeats)
