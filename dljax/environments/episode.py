"""Playing an environment: on and on for learning, or one episode for its return."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dljax.environments.environment import Environment
from dljax.types import Array, Key, PyTree, fold


class Play(NamedTuple):
    """Where an actor stands.

    Attributes:
        state: of its environment.
        time: int32 scalar, the steps of its episode so far.
    """

    state: PyTree
    time: Array


class Transition(NamedTuple):
    """A step, as it is learned from.

    Attributes:
        observation: what was seen before it.
        action: what was done.
        reward: what that earned.
        following: what was seen after it, of the same episode even where it ended.
        terminated: bool, whether the task ended; never because of the time.
    """

    observation: Array
    action: Array
    reward: Array
    following: Array
    terminated: Array


def begin(environment: Environment, key: Key) -> Play:
    """Begin an episode."""
    return Play(environment.reset(fold(key, 'reset')), jnp.int32(0))


def advance(
    environment: Environment, key: Key, play: Play, action: Array
) -> tuple[Play, Transition]:
    """Make a step, and begin the next episode where this one is over.

    Args:
        environment: the task.
        key: of this step.
        play: where the actor stands.
        action: what it does: a scalar for a choice, else of the shape of
            `environment.action`.

    Returns:
        Where it stands then, and the transition.

    Example:
        >>> import jax
        >>> from dljax.environments import cartpole
        >>> task, key = cartpole(limit=1), jax.random.key(0)
        >>> play, transition = advance(task, key, begin(task, key), 1)
        >>> int(play.time), bool(transition.terminated)  # cut off, but not ended
        (0, False)
    """
    state, outcome = environment.step(fold(key, 'step'), play.state, action)
    time = play.time + 1
    over = outcome.terminated | (time >= environment.limit)
    onward = jax.tree.map(
        lambda first, later: jnp.where(over, first, later),
        begin(environment, key),
        Play(state, time),
    )
    return onward, Transition(
        observation=environment.observe(play.state),
        action=action,
        reward=outcome.reward,
        following=outcome.observation,
        terminated=outcome.terminated,
    )


def episode_return(
    environment: Environment, policy: Callable[[Array, Key], Array], key: Key
) -> Array:
    """Play one episode and add up its rewards, undiscounted.

    Args:
        environment: the task.
        policy: `(observation, key) -> action`.
        key: of the episode; equal keys begin it in the same state.

    Returns:
        float32 scalar.

    Example:
        >>> import jax
        >>> from dljax.environments import cartpole
        >>> push = lambda observation, key: 1
        >>> float(episode_return(cartpole(), push, jax.random.key(0)))
        9.0
    """

    def turn(carry: tuple, time: Array) -> tuple[tuple, None]:
        state, total, alive = carry
        now = fold(key, 'time', time)
        action = policy(environment.observe(state), fold(now, 'policy'))
        state, outcome = environment.step(fold(now, 'step'), state, action)
        total = total + jnp.where(alive, outcome.reward, 0.0)
        return (state, total, alive & ~outcome.terminated), None

    first = (environment.reset(fold(key, 'reset')), jnp.float32(0.0), jnp.bool_(True))
    times = jnp.arange(environment.limit)
    (_, total, _), _ = jax.lax.scan(turn, first, times)
    return total
