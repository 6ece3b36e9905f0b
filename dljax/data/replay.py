"""A source that acts: environments and a replay memory of what happened in them."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dljax.environments import Environment, Play, Transition, advance, begin
from dljax.types import Array, Batch, Key, Position, PyTree, Source, State, fold

Policy = Callable[[State, Array, Key], Array]


class Replay(NamedTuple):
    """The position of a replay source.

    Attributes:
        plays: where the actors stand: [actors, ...].
        memory: the transitions that are kept: [capacity, ...].
        written: int32 scalar, the rounds of transitions written since the start, the
            random ones included; a round has one of each actor.
    """

    plays: Play
    memory: Transition
    written: Array


def replay(
    environment: Environment,
    policy: Policy,
    *,
    actors: int = 8,
    capacity: int = 50_000,
    minimum: int = 1_000,
    batch_size: int = 128,
) -> Source:
    """Act by the current net, remember what happened, and learn from a random sample.

    For each batch every actor makes one step, whose transition replaces the oldest in
    its place of a ring; then the batch is drawn uniformly, with replacement, from what
    the ring holds. `minimum` transitions of uniformly random actions are in it from the
    start. Environments and memory are the position, so a run is checkpointed with them
    and goes on as if it had never been interrupted.

    Args:
        environment: the task; its actions may be continuous.
        policy: `(state, observation, key) -> action`, with the state of the training,
            whose `step` counts the updates, and [actors, ...] of observations and
            actions.
        actors: environments side by side, and so steps for one update.
        capacity: of the memory, in transitions; a multiple of `actors`.
        minimum: random transitions at the start; a multiple of `actors`, from one round
            up to the capacity.
        batch_size: transitions in one batch.

    Returns:
        A traced source; position: `Replay`; batch: [batch_size, ...] by the fields of
        `Transition`.

    Raises:
        ValueError: for a size out of range.

    Reference:
        Mnih et al. (2015), Human-Level Control through Deep Reinforcement Learning,
        https://doi.org/10.1038/nature14236
        Lin (1992), Self-Improving Reactive Agents Based on Reinforcement Learning,
        Planning and Teaching, https://doi.org/10.1007/BF00992699

    Example:
        >>> from dljax.environments import cartpole
        >>> left = lambda state, observation, key: jnp.zeros(2, jnp.int32)
        >>> source = replay(cartpole(), left, actors=2, minimum=10, batch_size=5)
        >>> position, batch = source.init(jax.random.key(0))
        >>> {name: values.shape for name, values in batch.items()}['following']
        (5, 4)
    """
    for name, value in (('actors', actors), ('batch_size', batch_size)):
        if value < 1:
            raise ValueError(f'{name}={value}, wanted 1 or more')
    for name, value in (('capacity', capacity), ('minimum', minimum)):
        if value < 1 or value % actors:
            raise ValueError(
                f'{name}={value}, wanted a multiple of the {actors} actors: they write '
                'their transitions in rounds'
            )
    if minimum > capacity:
        raise ValueError(
            f'minimum={minimum}, wanted at most the capacity, {capacity}: the first '
            'transitions have to fit'
        )
    rounds = capacity // actors
    step_all = jax.vmap(lambda *arguments: advance(environment, *arguments))

    def act(key: Key, plays: Play, action: Array) -> tuple[Play, Transition]:
        return step_all(_each(key, actors), plays, action)

    def sample(key: Key, memory: Transition, written: Array) -> Batch:
        filled = jnp.minimum(written, rounds) * actors
        index = jax.random.randint(fold(key, 'sample'), (batch_size,), 0, filled)
        return {
            name: values.at[index].get(mode='promise_in_bounds')
            for name, values in memory._asdict().items()
        }

    def init(key: Key) -> tuple[Position, Batch]:
        key = fold(key, 'replay', 'start')
        plays = jax.vmap(lambda key: begin(environment, key))(_each(key, actors))

        def wander(plays: Play, number: Array) -> tuple[Play, Transition]:
            now = fold(key, number)
            action = environment.random_action(fold(now, 'policy'), actors)
            return act(now, plays, action)

        first = minimum // actors
        plays, lived = jax.lax.scan(wander, plays, jnp.arange(first))
        memory = jax.tree.map(lambda values: _kept(values, capacity), lived)
        position = Replay(plays, memory, jnp.int32(first))
        return position, sample(key, memory, position.written)

    def following(key: Key, position: Position, state: State) -> tuple[Position, Batch]:
        plays, memory, written = position
        key = fold(key, 'replay', 'round', written)
        seen = jax.vmap(environment.observe)(plays.state)
        action = policy(state, seen, fold(key, 'policy'))
        plays, lived = act(key, plays, action)
        place = written % rounds * actors
        memory = jax.tree.map(
            lambda ring, values: jax.lax.dynamic_update_slice_in_dim(
                ring, values.astype(ring.dtype), place, 0
            ),
            memory,
            lived,
        )
        position = Replay(plays, memory, written + 1)
        return position, sample(key, memory, position.written)

    return Source(init, following)


def _each(key: Key, count: int) -> Array:
    """Give each actor a key of its own."""
    return jax.vmap(lambda number: fold(key, 'actor', number))(jnp.arange(count))


def _kept(values: PyTree, capacity: int) -> Array:
    """Lay [rounds, actors, ...] at the start of an empty ring."""
    flat = values.reshape(-1, *values.shape[2:])
    room = jnp.zeros((capacity - len(flat), *flat.shape[1:]), flat.dtype)
    return jnp.concatenate([flat, room])
