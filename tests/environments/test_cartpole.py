"""CartPole against gymnasium, and playing whole episodes of it."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.environments import Play, advance, begin, cartpole, episode_return
from dljax.types import Array, Key, fold

KEY = jax.random.key(0)
STATES = np.random.default_rng(0).uniform(
    [-2.5, -3, -0.22, -3.5], [2.5, 3, 0.22, 3.5], (400, 4)
)
ACTIONS = np.random.default_rng(1).integers(0, 2, 400)


@pytest.fixture
def reference():
    environment = gymnasium.make('CartPole-v1')
    environment.reset(seed=0)
    yield environment
    environment.close()


def answers(reference, states, actions):
    """Step gymnasium's environment from each state."""
    inner, found = reference.unwrapped, []
    for state, action in zip(states, actions, strict=True):
        inner.state, inner.steps_beyond_terminated = np.array(state, np.float64), None
        found.append((*inner.step(int(action))[1:3], inner.state))
    rewards, terminated, following = zip(*found, strict=True)
    return np.stack(following), np.array(rewards), np.array(terminated)


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize(('double', 'atol'), [(True, 1e-14), (False, 2e-6)])
def test_transitions_equal_those_of_gymnasium(reference, double, atol):
    with jax.enable_x64(double):
        states = jnp.asarray(STATES, float)
        assert states.dtype == ('float64' if double else 'float32')
        wanted, rewards, terminated = answers(reference, states, ACTIONS)
        step = jax.jit(jax.vmap(cartpole().step, (None, 0, 0)))
        following, shown = step(KEY, states, jnp.asarray(ACTIONS))
    np.testing.assert_allclose(following, wanted, rtol=0, atol=atol)
    np.testing.assert_array_equal(shown.observation, following)
    np.testing.assert_array_equal(shown.reward, rewards)
    np.testing.assert_array_equal(shown.terminated, terminated)
    for outside in (np.abs(wanted[:, 0]) > 2.4, np.abs(wanted[:, 2]) > np.pi / 15):
        assert 10 < outside.sum() < 200  # both ways to end are met


def lean(state: Array, key: Key | None = None) -> Array:
    """Push towards where the pole leans: it falls soon, before roundings tell.

    A policy that balances for hundreds of steps switches so often that the last bit of
    a sine, which differs between libraries, decides when an episode ends.
    """
    return (state[2] > 0) * 1


def test_whole_episodes_are_as_long_as_those_of_gymnasium(reference):
    with jax.enable_x64(True):

        def play(number: Array) -> tuple[Array, Array]:
            key = fold(KEY, number)
            return begin(cartpole(), key).state, episode_return(cartpole(), lean, key)

        starts, returns = jax.device_get(jax.jit(jax.vmap(play))(np.arange(20)))
    for start, found in zip(starts, returns, strict=True):
        reference.reset()
        reference.unwrapped.state, total, over = start, 0.0, False
        while not over:
            action = int(lean(reference.unwrapped.state))
            _, reward, terminated, cut, _ = reference.step(action)
            total, over = total + reward, terminated or cut
        assert total == found
    assert len(set(returns)) > 3 and 10 < returns.min() < returns.max() < 500


def test_the_limit_and_the_spaces_are_those_of_gymnasium(reference):
    task = cartpole()
    assert task.limit == reference.spec.max_episode_steps
    assert task.actions == reference.action_space.n and task.discrete
    assert task.observation.shape == reference.observation_space.shape
    states = jax.jit(lambda: jax.vmap(task.reset)(jax.random.split(KEY, 1000)))()
    states = np.asarray(states)
    assert states.shape == (1000, 4)
    assert 0.049 < np.abs(states).max() <= 0.05
    np.testing.assert_allclose(states.mean(0), np.zeros(4), atol=0.005)


def test_the_time_cuts_off_without_ending_and_begins_anew():
    task = cartpole(limit=3)
    play = begin(task, KEY)

    @jax.jit
    def both(time: Array, play: Play) -> tuple:
        action = jnp.int32(1)
        following = advance(task, fold(KEY, time), play, action)
        return *following, task.step(KEY, play.state, action)[0]

    for time in (1, 2, 3):
        state = play.state
        play, transition, after = jax.device_get(both(time, play))
        np.testing.assert_array_equal(transition.observation, state)
        # of the old episode, also where the next has begun already
        np.testing.assert_allclose(transition.following, after, atol=1e-7)
        assert not transition.terminated and play.time == time % 3
    assert np.abs(play.state).max() <= 0.05 < np.abs(after).max()


def test_a_fallen_pole_ends_the_task_and_begins_anew():
    @jax.jit
    def fall() -> tuple:
        fallen = begin(cartpole(), KEY)._replace(state=jnp.array([0.0, 0.0, 0.3, 0.0]))
        return advance(cartpole(), KEY, fallen, jnp.int32(0))

    play, transition = jax.device_get(fall())
    assert transition.terminated and play.time == 0
    assert transition.following[2] > 0.2 and np.abs(play.state).max() <= 0.05


def test_nothing_is_earned_after_the_end():
    def push(observation: Array, key: Key) -> Array:
        return jnp.int32(0)

    @jax.jit
    def play() -> tuple[Array, ...]:
        short = episode_return(cartpole(limit=5), push, KEY)
        first = cartpole().reset(fold(KEY, 'reset'))
        return episode_return(cartpole(), push, KEY), short, first

    total, short, state = play()
    steps, terminated, step = 0, False, jax.jit(cartpole().step)
    while not terminated:
        state, shown = step(KEY, state, 0)
        terminated, steps = bool(shown.terminated), steps + 1
    assert total == steps and 8 <= steps <= 11
    assert short == 5


def test_impossible_tasks_are_refused():
    with pytest.raises(ValueError, match='limit=0'):
        cartpole(limit=0)
    pushed = cartpole()._replace(action=cartpole().observation)
    with pytest.raises(ValueError, match='a continuous action needs another method'):
        _ = pushed.actions
