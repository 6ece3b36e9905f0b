"""The source that acts: what it remembers, what it samples, how it goes on."""

import functools
import io
import os
import signal
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from rich.console import Console

from dljax import run
from dljax.data import replay
from dljax.environments import Environment, TimeStep, cartpole
from dljax.experiment import Experiment, Options, Report
from dljax.models.control import QNetwork
from dljax.objectives import epsilon_greedy, follow, temporal_difference
from dljax.training import Player, ensemble, fit, learner, member
from dljax.types import Source, Spec, fold

KEY = jax.random.key(0)
CHOICE = Spec((), 'int32', 0, 1)


class Values(nn.Module):
    """A net that learns, and one that judges."""

    online: nn.Module
    target: nn.Module


def counting(action: Spec = CHOICE) -> Environment:
    """A task whose observation counts its steps from 1: never 0, as an empty slot."""

    def step(key, state, action):
        state = state + 1.0
        return state, TimeStep(state[None], 10 * state + action, jnp.bool_(False))

    return Environment(
        reset=lambda key: jnp.float32(1.0),
        step=step,
        observe=lambda state: state[None],
        observation=Spec((1,)),
        action=action,
        limit=10_000,
    )


def always(action: int) -> Any:
    return lambda state, seen, key: jnp.full(len(seen), action, jnp.int32)


def sizes(**changes: int) -> dict[str, int]:
    return {'actors': 2, 'capacity': 12, 'minimum': 4, 'batch_size': 64} | changes


def positions(source: Source, count: int) -> list:
    """Take some batches, without a training; the first is that of the start."""
    position, batch = jax.jit(source.init)(KEY)
    found, take = [(position, batch)], jax.jit(source.next)
    for _ in range(count):
        position, batch = take(KEY, position, None)
        found.append((position, batch))
    return found


@functools.cache
def counted() -> list:
    """Eleven batches of the counting task, and the first."""
    return positions(replay(counting(), always(1), **sizes()), 11)


@pytest.mark.heavy
def test_only_what_was_written_is_ever_drawn_and_all_of_it_is() -> None:
    for round_, (_, batch) in enumerate(counted()[:5]):
        # two rounds at the start, one more in each turn
        assert set(np.asarray(batch['observation'])[:, 0]) == set(range(1, 3 + round_))


def test_the_ring_forgets_the_oldest_round() -> None:
    position, batch = counted()[-1]
    assert int(position.written) == 13
    # of 13 rounds the last six are kept, where they were written
    ring = np.asarray(position.memory.observation)[:, 0].reshape(6, 2)
    np.testing.assert_array_equal(ring[:, 0], [13, 8, 9, 10, 11, 12])
    np.testing.assert_array_equal(ring[:, 0], ring[:, 1])
    assert set(np.asarray(batch['observation'])[:, 0]) == set(range(8, 14))


@pytest.mark.heavy
def test_a_transition_stays_in_one_piece() -> None:
    task = cartpole(limit=15)
    source = replay(task, always(1), **sizes(minimum=200, capacity=400))
    _, batch = jax.tree.map(np.asarray, positions(source, 150)[-1])
    step = jax.jit(jax.vmap(task.step, (None, 0, 0)))
    again, shown = step(KEY, batch['observation'], batch['action'])
    np.testing.assert_allclose(batch['following'], again, atol=1e-6)
    np.testing.assert_array_equal(batch['terminated'], shown.terminated)
    np.testing.assert_array_equal(batch['reward'], shown.reward)
    assert 0 < batch['terminated'].sum() < 64
    assert set(np.asarray(batch['action'])) == {0, 1}  # random at first, then pushes


@pytest.mark.heavy
def test_each_actor_goes_on_from_where_it_was() -> None:
    task = cartpole()
    source = replay(task, always(0), **sizes())
    found = jax.tree.map(np.asarray, positions(source, 2)[-2:])
    (before, _), (after, _) = found
    written = slice(2 * int(before.written), 2 * int(before.written) + 2)
    seen = after.memory.observation[written]
    np.testing.assert_array_equal(seen, before.plays.state)
    np.testing.assert_array_equal(after.memory.action[written], [0, 0])
    assert not np.allclose(seen[0], seen[1])  # with starts of their own
    np.testing.assert_array_equal(after.plays.time, before.plays.time + 1)


def test_the_policy_sees_the_state_of_the_training() -> None:
    def policy(state, seen, key):
        return jnp.full(len(seen), state, jnp.int32)

    source = replay(counting(), policy, **sizes())
    position, _ = jax.jit(source.init)(KEY)
    position, _ = jax.jit(source.next)(KEY, position, np.int32(7))
    np.testing.assert_array_equal(position.memory.action[4:6], [7, 7])


@pytest.mark.heavy
def test_random_actions_at_the_start_are_of_the_form_of_the_task() -> None:
    first, _ = jax.jit(replay(counting(), always(1), **sizes(minimum=12)).init)(KEY)
    assert first.memory.action.dtype == jnp.int32
    assert set(np.asarray(first.memory.action)) == {0, 1}
    free = counting(Spec((3,), 'float32', -2, 2))
    free = free._replace(
        step=lambda key, state, action: counting().step(key, state, action.sum())
    )
    source = replay(free, lambda state, seen, key: jnp.ones((2, 3)), **sizes())
    (first, _), (second, batch) = positions(source, 1)
    pushes = np.asarray(first.memory.action)[:4]
    assert pushes.shape == (4, 3) and (np.abs(pushes) <= 2).all()
    assert len(np.unique(pushes)) == 12 and np.abs(pushes).max() > 1
    np.testing.assert_array_equal(second.memory.action[4:6], np.ones((2, 3)))
    assert batch['action'].shape == (64, 3)
    with pytest.raises(ValueError, match='wanted bounds'):
        counting(Spec((3,))).random_action(KEY, 2)


def made(steps: int = 12, source: Any = None) -> Experiment:
    net = Values(QNetwork((8,)), QNetwork((8,)))
    explore = optax.linear_schedule(1.0, 0.1, 6)
    acting = replay(
        cartpole(), epsilon_greedy(net, explore), **sizes(capacity=40, batch_size=8)
    )
    players = {
        'critic': Player(
            optax.adam(1e-2), loss=temporal_difference(), trains=('online',)
        ),
        'target': Player(
            optax.sgd(0.1), direction=follow('online'), trains=('target',)
        ),
    }
    return Experiment(
        net=net,
        players=players,
        source=source(acting) if source else acting,
        steps=steps,
        data_summary='CartPole (simulated)',
        record_every=2,
        evaluate_every=4,
    )


def trained(experiment: Experiment, workdir: Path, **options: Any) -> Report:
    console = Console(file=io.StringIO())
    arguments = {'steps': experiment.steps}
    return run(
        experiment, workdir, Options(**options), arguments=arguments, console=console
    )


def same(a: Any, b: Any) -> bool:
    equal = jax.tree.map(lambda x, y: bool(np.array_equal(x, y)), a, b)
    return all(jax.tree.leaves(equal))


@pytest.mark.exhaustive
def test_an_ensemble_that_goes_on_equals_one_that_never_stopped(
    tmp_path: Path,
) -> None:
    whole = trained(made(), tmp_path / 'whole', members=3)
    trained(made(steps=6), tmp_path / 'parts', members=3)
    again = trained(made(), tmp_path / 'parts', members=3)
    assert again.step == 12 and same(whole.state, again.state)
    assert whole.metrics == again.metrics


@pytest.mark.heavy
def test_an_interrupted_run_remembers_what_happened(tmp_path: Path) -> None:
    def interrupting(source: Source) -> Source:
        following = jax.jit(source.next)

        def next_(key, position, state):
            if int(position.written) == 8:
                os.kill(os.getpid(), signal.SIGTERM)
            return following(key, position, state)

        return source._replace(next=next_, host=True)

    def on_the_host(source: Source) -> Source:
        return source._replace(next=jax.jit(source.next), host=True)

    whole = trained(made(source=on_the_host), tmp_path / 'whole')
    part = trained(made(source=interrupting), tmp_path / 'parts')
    assert part.ended is None and 0 < part.step < 12
    again = trained(made(source=on_the_host), tmp_path / 'parts')
    assert same(whole.state, again.state) and whole.metrics == again.metrics


@pytest.mark.heavy
def test_one_call_of_many_updates_equals_many_calls() -> None:
    train = learner(made().net, made().players)
    (one, left), (many, right) = (
        fit(train, made().source, steps=30, key=KEY, chunk=chunk) for chunk in (1, 30)
    )
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(left['critic/loss'], right['critic/loss'], rtol=1e-3)


@pytest.mark.exhaustive
def test_a_member_acts_and_learns_as_it_would_alone() -> None:
    alone, source = learner(made().net, made().players), made().source
    state, _ = fit(*ensemble(alone, source, 2), steps=20, key=KEY, chunk=10)
    for index in range(2):
        single, _ = fit(alone, source, steps=20, key=fold(KEY, index), chunk=10)
        for a, b in zip(
            jax.tree.leaves(member(state, index)), jax.tree.leaves(single), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.heavy
def test_the_memory_is_written_in_place() -> None:
    source = replay(cartpole(), always(1), **sizes(capacity=100_000))
    position, _ = jax.eval_shape(source.init, KEY)

    @jax.jit
    def turns(position):
        return jax.lax.scan(
            lambda position, _: source.next(KEY, position, None), position, length=50
        )

    needed = turns.lower(position).compile().memory_analysis().temp_size_in_bytes
    leaves = jax.tree.leaves(position)
    held = sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    assert needed < held / 2


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'actors': 0}, 'actors=0'),
        ({'batch_size': 0}, 'batch_size=0'),
        ({'capacity': 13}, 'capacity=13, wanted a multiple of the 2 actors'),
        ({'minimum': 0}, 'minimum=0'),
        ({'minimum': 14}, 'at most the capacity, 12'),
    ],
)
def test_impossible_sizes_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replay(cartpole(), always(1), **sizes(**changes))
