"""Networks that act."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import Dueling
from dljax.models.control import AtariQNetwork, QNetwork

KEY = jax.random.key(0)
FEATURES = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)


def test_the_mean_value_over_the_actions_is_that_of_the_state():
    layer = Dueling(actions=3, hidden=8)
    watched = functools.partial(layer.init_with_output, capture_intermediates=True)
    q, made = jax.tree.map(np.asarray, jax.jit(watched)(KEY, FEATURES))
    value, advantage = (
        made['intermediates'][name]['__call__'][0] for name in ('value', 'advantage')
    )
    assert value.shape == (5, 1) and advantage.shape == (5, 3)
    np.testing.assert_allclose(q.mean(1, keepdims=True), value, atol=1e-6)
    # the differences between actions are those of their advantages
    np.testing.assert_allclose(q - q[:, :1], advantage - advantage[:, :1], atol=1e-6)


def test_a_constant_in_the_advantages_changes_nothing():
    layer = Dueling(actions=3, hidden=8)
    variables = jax.jit(layer.init)(KEY, FEATURES)
    apply = jax.jit(layer.apply)
    q = apply(variables, FEATURES)
    bias = np.asarray(variables['params']['advantage']['bias'])
    variables['params']['advantage']['bias'] = bias + np.float32(5)
    np.testing.assert_allclose(apply(variables, FEATURES), q, atol=1e-5)


@pytest.mark.parametrize(
    ('net', 'shape', 'count'),
    [
        # trunk 4·120+120, streams 2·(120·84+84), heads 84+1 and 84·2+2
        (QNetwork(dueling=True), (4,), 600 + 2 * 10_164 + 85 + 170),
        (
            AtariQNetwork(dueling=True),
            (84, 84, 4),
            77_984 + 2 * 1_606_144 + 513 + 2_052,
        ),
    ],
    ids=['cartpole', 'atari'],
)
def test_dueling_makes_the_last_hidden_layer_twice(net, shape, count):
    values, variables = jax.eval_shape(
        net.init_with_output, KEY, jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    )
    assert values.shape == (2, net.actions)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == count


def test_a_small_q_network_equals_its_formula():
    net = QNetwork(hidden=(3,), actions=2)
    q, made = jax.tree.map(np.asarray, jax.jit(net.init_with_output)(KEY, FEATURES))
    first, last = made['params']['hidden_0'], made['params']['output']
    hidden = np.maximum(FEATURES @ first['kernel'] + first['bias'], 0)
    wanted = hidden @ last['kernel'] + last['bias']
    np.testing.assert_allclose(q, wanted, atol=1e-6)


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: QNetwork(hidden=()), 'one or more widths'),
        (lambda: QNetwork(hidden=(4, 0)), 'of at least 1'),
        (lambda: QNetwork(actions=0), 'actions is 0'),
        (lambda: AtariQNetwork(actions=0), 'actions is 0'),
        (lambda: Dueling(actions=2, hidden=0), 'hidden is 0'),
    ],
)
def test_impossible_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_single_frame_is_refused():
    with pytest.raises(ValueError, match='height, width, channel'):
        AtariQNetwork().init(KEY, np.zeros((84, 84, 4)))
