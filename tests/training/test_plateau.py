"""Rates that fall where a metric stalls."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.training import Learner, Plateau, Player, averaged, learner
from dljax.training.plateau import adjust, adjustable
from dljax.types import Array

NAN = float('nan')
KEY = jax.random.key(0)
BATCH = {'x': jnp.ones((2, 3))}


def scales(rule: Plateau, values: list) -> list[float]:
    rows = [{} if value is None else {rule.metric: value} for value in values]
    return [rule.scale(rows[: i + 1]) for i in range(len(rows))]


@pytest.mark.parametrize(
    ('settings', 'values', 'wanted'),
    [
        ({}, [3, 2, 2, 2, 2, 1], [1, 1, 1, 0.5, 0.5, 0.5]),
        ({}, [1, 2, 3, 4, 5], [1, 1, 0.5, 0.5, 0.25]),
        ({'maximize': True}, [1, 2, 3, 2, 2, 4], [1, 1, 1, 1, 0.5, 0.5]),
        ({'cooldown': 2}, [1, 1, 1, 1, 1, 1, 1], [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]),
        ({'minimum': 0.4}, [1, 1, 1, 1, 1], [1, 1, 0.5, 0.5, 0.4]),
        ({'margin': 0.5}, [3, 2.6, 2.5, 2, 2], [1, 1, 0.5, 0.5, 0.5]),
        ({}, [None, 1, None, NAN, NAN, 0.5], [1, 1, 1, 1, 0.5, 0.5]),  # no measurement
        ({}, [NAN, NAN, 1], [1, 0.5, 0.5]),
    ],
)
def test_the_scale_is_what_a_hand_computes(
    settings: dict, values: list, wanted: list
) -> None:
    rule = Plateau('validation/loss', factor=0.5, patience=2, **settings)
    assert scales(rule, values) == wanted


@pytest.mark.parametrize(
    ('settings', 'match'),
    [
        ({'factor': 1.0}, 'factor=1.0, wanted between 0 and 1'),
        ({'patience': 0}, 'patience=0'),
        ({'cooldown': -1}, 'cooldown=-1'),
        ({'minimum': 1.0}, 'minimum=1.0'),
        ({'margin': -0.1}, 'margin=-0.1'),
    ],
)
def test_settings_are_checked(settings: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Plateau('validation/loss', **settings)


def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    return net(batch['x']).mean(), {}


def ends(plain: Learner, train: Learner) -> list:
    state = train.init(KEY, BATCH)
    lower = adjust(state, 0.25)
    wanted = plain.update(KEY, plain.init(KEY, BATCH), BATCH)
    moved = [train.update(KEY, begun, BATCH) for begun in (state, lower)]
    return [state, *(found for found, _ in (*moved, wanted))]


@pytest.mark.heavy
def test_moves_are_scaled_and_so_is_what_is_averaged() -> None:
    for wrap in (lambda rule: rule, averaged):
        players = {'p': Player(wrap(optax.sgd(1.0)), loss=loss)}
        plain, train = (
            learner(nn.Dense(1), each) for each in (players, adjustable(players))
        )

        state, same, moved, wanted = jax.jit(ends, static_argnums=(0, 1))(plain, train)
        jax.tree.map(np.testing.assert_array_equal, same.params, wanted.params)
        step = jax.tree.map(lambda a, b: a - b, moved.params, state.params)
        for leaf in jax.tree.leaves(step):
            np.testing.assert_allclose(leaf[:1], -0.25, rtol=1e-5)
    inner = moved.opt_state['p'].inner  # the first average is 0.9 of what has moved
    for start, average, now in zip(
        *map(jax.tree.leaves, (state.params, inner.average, moved.params)), strict=True
    ):
        np.testing.assert_allclose(average, 0.1 * start + 0.9 * now, rtol=1e-5)


def test_a_scale_never_rises_and_rules_without_a_loss_keep_theirs() -> None:
    def rule(net: nn.Module, batch: dict, step: Array) -> tuple[dict, dict]:
        net(batch['x'])
        return net.variables['params'], {}

    players = {
        'p': Player(optax.sgd(1.0), loss=loss),
        'copy': Player(optax.sgd(1.0), direction=rule),
    }
    assert adjustable(players)['copy'] is players['copy']
    state = jax.jit(learner(nn.Dense(1), adjustable(players)).init)(KEY, BATCH)
    lower = adjust(adjust(state, 0.5), 0.9)
    assert lower.opt_state['p'].scale == 0.5
    assert jax.tree.structure(lower) == jax.tree.structure(state)
