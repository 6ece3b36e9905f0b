"""Learning to act: values that are known in closed form, policies and scores."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import replay
from dljax.environments import Environment, TimeStep, cartpole, episode_return
from dljax.losses import sum_squared_error
from dljax.models.control import QNetwork
from dljax.objectives import (
    epsilon_greedy,
    follow,
    score_return,
    temporal_difference,
)
from dljax.training import Player, evaluate, fit, learner
from dljax.types import Array, Spec, State, fold

KEY = jax.random.key(0)
DISCOUNT = 0.8


class Values(nn.Module):
    """A net that learns, and one that judges."""

    online: nn.Module
    target: nn.Module


class Table(nn.Module):
    """A value of its own for each of two states and two actions."""

    @nn.compact
    def __call__(self, observation: Array, *, train: bool) -> Array:
        """Look the values up by a one-hot observation."""
        return nn.Dense(2, use_bias=False)(observation)


def chain(limit: int) -> Environment:
    """Two states; action 1 goes on, action 0 stays and earns a little.

    From state 0 action 1 leads to state 1 and earns nothing; from state 1 it ends the
    task and earns 3. Action 0 earns 0.2 in either.
    """

    def step(key, state, action):
        onward = action == 1
        reward = jnp.where(onward, jnp.where(state == 1, 3.0, 0.0), 0.2)
        ended = onward & (state == 1)
        state = jnp.where(onward, 1, state)
        return state, TimeStep(jax.nn.one_hot(state, 2), reward, ended)

    return Environment(
        reset=lambda key: jax.random.randint(key, (), 0, 2),
        step=step,
        observe=lambda state: jax.nn.one_hot(state, 2),
        observation=Spec((2,)),
        action=Spec((), 'int32', 0, 1),
        limit=limit,
    )


# Q(1, 1) = 3; Q(0, 1) = .8 * 3; to stay costs a step: Q(s, 0) = .2 + .8 * max Q(s, .)
CLOSED_FORM = [[0.2 + 0.8 * 2.4, 2.4], [0.2 + 0.8 * 3.0, 3.0]]


@pytest.mark.parametrize(
    ('limit', 'double'),
    [
        pytest.param(1, True, marks=pytest.mark.heavy),
        pytest.param(50, False, marks=pytest.mark.exhaustive),
        pytest.param(1, False, marks=pytest.mark.exhaustive),
        pytest.param(50, True, marks=pytest.mark.exhaustive),
    ],
)
def test_the_optimal_values_of_a_chain_are_learned_whatever_its_limit(
    limit: int, double: bool
) -> None:
    net = Values(Table(), Table())
    players = {
        'critic': Player(
            optax.sgd(0.5),
            loss=temporal_difference(DISCOUNT, double=double, loss=sum_squared_error),
            trains=('online',),
        ),
        'target': Player(
            optax.sgd(1.0), direction=follow('online'), trains=('target',), every=5
        ),
    }
    policy = epsilon_greedy(net, lambda step: 0.5)
    source = replay(
        chain(limit), policy, actors=4, capacity=400, minimum=40, batch_size=32
    )
    state, history = fit(learner(net, players), source, steps=600, key=KEY, chunk=100)
    for part in ('online', 'target'):
        values = state.params[part]['Dense_0']['kernel']
        np.testing.assert_allclose(values, CLOSED_FORM, atol=0.02)
    assert history['critic/loss'][-1] < 1e-3


def both(kernel: list, target: list) -> dict:
    return {
        'online': {'Dense_0': {'kernel': np.array(kernel, np.float32)}},
        'target': {'Dense_0': {'kernel': np.array(target, np.float32)}},
    }


def test_the_target_net_judges_and_in_double_the_online_net_chooses() -> None:
    net, seen = Values(Table(), Table()), np.eye(2, dtype=np.float32)[:1]
    params = both([[1.0, 2.0], [0, 0]], [[7.0, 4.0], [0, 0]])
    batch = {
        'observation': seen,
        'action': np.array([0]),
        'reward': np.array([0.5], np.float32),
        'following': seen,
        'terminated': np.array([False]),
    }
    for double, judged in ((False, 7.0), (True, 4.0)):
        objective = temporal_difference(0.5, double=double, loss=sum_squared_error)
        loss, metrics = jax.jit(nn.apply(objective, net))({'params': params}, batch, 0)
        assert loss == pytest.approx((1.0 - (0.5 + 0.5 * judged)) ** 2)
        assert metrics['value'] == 1.0


def test_only_the_online_values_of_the_actions_taken_get_a_gradient() -> None:
    net = Values(Table(), Table())
    params = both(np.ones((2, 2)), np.ones((2, 2)))
    states = np.eye(2, dtype=np.float32)
    batch = {
        'observation': states[:1],
        'action': np.array([1]),
        'reward': np.array([0.0], np.float32),
        'following': states[1:],
        'terminated': np.array([False]),
    }

    def loss(params):
        objective = temporal_difference(0.5, double=True, loss=sum_squared_error)
        return nn.apply(objective, net)({'params': params}, batch, 0)[0]

    gradient = jax.jit(jax.grad(loss))(params)
    np.testing.assert_allclose(
        gradient['online']['Dense_0']['kernel'], [[0, 2 * (1 - 0.5)], [0, 0]]
    )
    assert not gradient['target']['Dense_0']['kernel'].any()


def test_the_fraction_of_random_actions_follows_its_schedule() -> None:
    net = Values(Table(), Table())
    params = both([[0.0, 1.0], [1.0, 0.0]], np.zeros((2, 2)))
    policy = jax.jit(epsilon_greedy(net, optax.linear_schedule(1.0, 0.1, 10)))
    seen = np.tile(np.eye(2, dtype=np.float32), (2000, 1))
    best = np.tile([1, 0], 2000)
    for step, epsilon in ((0, 1.0), (5, 0.55), (10, 0.1), (500, 0.1)):
        action = np.asarray(policy(State(np.int32(step), params, {}, {}), seen, KEY))
        assert action.dtype == np.int32
        # half of the random actions are the best one by chance
        assert (action != best).mean() == pytest.approx(epsilon / 2, abs=0.03)


@pytest.mark.heavy
def test_a_score_is_the_return_of_the_numbered_episodes() -> None:
    task, net = cartpole(limit=60), Values(QNetwork((8,)), QNetwork((8,)))
    form = jax.eval_shape(net.online.init, KEY, jnp.zeros((1, 4)))['params']
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda s: np.float32(rng.normal(size=s.shape)), form)
    state = State(np.int32(0), {'online': params, 'target': params}, {}, {})
    numbers = np.arange(6, dtype=np.int32)
    score = score_return(task)
    alone = [
        evaluate(net, score, state, [{'episode': number[None]}])['return']
        for number in numbers
    ]
    together = evaluate(net, score, state, [{'episode': numbers[::-1]}])['return']
    assert together == pytest.approx(np.mean(alone))

    def policy(observation: Array, key: jax.Array) -> Array:
        return net.online.apply({'params': params}, observation[None])[0].argmax()

    key = fold(jax.random.key(0), 'episode', 3)
    returned = jax.jit(lambda key: episode_return(task, policy, key))(key)
    assert returned == alone[3]
    assert len(set(alone)) > 1
