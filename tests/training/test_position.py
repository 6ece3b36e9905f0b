"""A training in parts goes on with the next batches, from any source."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import replay, resident, stream
from dljax.data.text import text_windows
from dljax.environments import Environment, TimeStep
from dljax.training import (
    Learner,
    Player,
    data_mesh,
    ensemble,
    evaluate,
    fit,
    learner,
    mapped,
    member,
    replicated,
    rounds,
    sharded,
)
from dljax.training.checkpoint import Checkpoints
from dljax.types import Array, Source, Spec, State, fold, named_leaves
from tests.training.sources import at_once

KEY = jax.random.key(5)
NUMBERS = {'x': np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)}
NUMBERS['number'] = np.arange(20, dtype=np.int32)


class Numbered:
    """The same numbers as records, read on the host."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> dict:
        return {name: values[index] for name, values in NUMBERS.items()}


class Reader(nn.Module):
    """A stateful net over a text: what it has read is a collection."""

    @nn.compact
    def __call__(self, tokens: Array) -> Array:
        """Answer with the sum of all that was read."""
        carry = self.variable('carry', 'sum', jnp.zeros, (len(tokens),))
        if not self.is_initializing():
            carry.value = carry.value + tokens.sum(1)
        return nn.Dense(1)(1e-3 * carry.value[:, None])


def ones(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    first = batch['number'][0]
    return jnp.mean((net(batch['x']) - 1.0) ** 2), {'first': first}


def read(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    tokens = batch['tokens']
    return jnp.mean((net(tokens) - 1.0) ** 2), {'first': tokens[0, 0]}


def act(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    seen = batch['observation']
    return jnp.mean(net(seen / 100.0) ** 2), {'first': seen.sum()}


def counting() -> Source:
    """A replay memory of a task whose state counts its steps."""

    def step(key: Array, state: Array, action: Array) -> tuple[Array, TimeStep]:
        state = state + 1.0
        return state, TimeStep(state[None], state, jnp.bool_(False))

    task = Environment(
        reset=lambda key: jnp.float32(1.0),
        step=step,
        observe=lambda state: state[None],
        observation=Spec((1,)),
        action=Spec((), 'int32', 0, 1),
        limit=1000,
    )

    def policy(state: State, seen: Array, key: Array) -> Array:
        return jnp.zeros(len(seen), jnp.int32)

    return at_once(replay(task, policy, actors=2, capacity=12, minimum=4, batch_size=8))


def numbered() -> Source:
    return at_once(resident(NUMBERS, 4))


def line(loss: Any = ones, net: nn.Module | None = None) -> Learner:
    return learner(net or nn.Dense(1), {'p': Player(optax.sgd(0.05, 0.9), loss=loss)})


def trainings() -> dict[str, tuple[Learner, Source]]:
    text = np.arange(101) % 97
    return {
        'resident': (line(), numbered()),
        'replay': (line(act), counting()),
        'text': (line(read, Reader()), at_once(text_windows(text, 2, 5))),
        'stream': (line(), stream(Numbered(), 4)),
        'members': ensemble(line(), numbered(), 2),
        'members of a stream': ensemble(line(), stream(Numbered(), 4), 2),
        'members with a memory': ensemble(line(act), counting(), 2),
    }


def assert_same(left: Any, right: Any) -> None:
    left, right = named_leaves(left), named_leaves(right)
    assert left.keys() == right.keys()
    for name, leaf in left.items():
        np.testing.assert_array_equal(leaf, right[name], err_msg=name)


@pytest.mark.parametrize(
    ('name', 'chunk'),
    [
        *(('resident', 1), ('text', 3), ('stream', 1)),
        *[
            pytest.param(name, 3, marks=pytest.mark.heavy)
            for name in ('replay', 'members')
        ],
        *[
            pytest.param(name, 3, marks=pytest.mark.exhaustive)
            for name in ('members of a stream', 'members with a memory')
        ],
    ],
)
def test_parts_are_the_whole_bit_for_bit(name: str, chunk: int) -> None:
    train, source = trainings()[name]
    whole, history = fit(train, source, steps=9, key=KEY, chunk=chunk)
    state, firsts = None, []
    for _ in range(3):
        state, part = fit(train, source, steps=3, key=KEY, state=state, chunk=chunk)
        firsts.append(part['p/first'])
    np.testing.assert_array_equal(np.concatenate(firsts), history['p/first'])
    assert_same(state, whole)  # the position is a part of it
    if name in ('resident', 'stream'):  # 5 batches an epoch, then others
        assert len(set(history['p/first'].tolist())) > 5


@pytest.mark.heavy
def test_a_member_goes_on_alone_with_its_next_batches() -> None:
    one, source = line(), numbered()
    many, _ = fit(*ensemble(one, source, 2), steps=4, key=KEY)
    for index in range(2):
        mine = {'key': fold(KEY, index)}
        _, seen = fit(one, source, steps=3, state=member(many, index), **mine)
        _, whole = fit(one, source, steps=7, **mine)
        np.testing.assert_array_equal(seen['p/first'], whole['p/first'][4:])
    shared, _ = fit(*ensemble(one, stream(Numbered(), 4), 2), steps=2, key=KEY)
    assert member(shared, 1).position == 2


def test_a_position_that_is_given_goes_before_that_of_the_state() -> None:
    train, source = trainings()['resident']
    _, whole = fit(train, source, steps=9, key=KEY)
    state, _ = fit(train, source, steps=3, key=KEY)
    for begin, first in ((jnp.int32(7), 7), (None, 3)):
        _, seen = fit(train, source, steps=2, key=KEY, state=state, position=begin)
        np.testing.assert_array_equal(
            seen['p/first'], whole['p/first'][first : first + 2]
        )
    afresh = state.replace(position=None)
    _, seen = fit(train, source, steps=2, key=KEY, state=afresh)
    np.testing.assert_array_equal(seen['p/first'], whole['p/first'][:2])


def test_rounds_go_on_where_the_state_says_and_keep_the_position_beside_it() -> None:
    train, source = trainings()['resident']
    state, _ = fit(train, source, steps=3, key=KEY)
    turn = next(rounds(train, source, key=KEY, state=state))
    assert turn.position == 4 and turn.state.position is None


def test_a_position_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match='another source'):
        fit(line(), numbered(), steps=1, key=KEY, position=jnp.zeros(2))


@pytest.mark.heavy
def test_the_position_of_another_source_is_refused_with_the_way_out() -> None:
    train, source = trainings()['replay']
    state, _ = fit(train, source, steps=2, key=KEY)
    with pytest.raises(ValueError, match=r'position=None') as caught:
        fit(line(), numbered(), steps=1, key=KEY, state=state)
    assert 'int32[]' in str(caught.value) and 'written' in str(caught.value)


@pytest.mark.parametrize(
    'way',
    [
        pytest.param('one', marks=pytest.mark.heavy),
        *[
            pytest.param(way, marks=pytest.mark.exhaustive)
            for way in ('pmap', 'mesh', 'mapped')
        ],
    ],
)
def test_a_loop_of_ones_own_takes_what_fit_returned(way: str) -> None:
    axis = 'data' if way in ('mapped', 'pmap') else None
    one = learner(nn.Dense(1), {'p': Player(optax.sgd(0.1), loss=ones)}, axis=axis)
    train = {
        'one': lambda: one,
        'mesh': lambda: sharded(one, data_mesh()),
        'mapped': lambda: mapped(one, data_mesh()),
        'pmap': lambda: replicated(one),
    }[way]()
    source = numbered()
    state, _ = fit(train, source, steps=2, key=KEY)
    batch = source.init(KEY)[1]
    again, _ = jax.jit(train.update)(KEY, state, batch)
    assert again.step == 3 and again.position == 2
    assert jax.tree.structure(again) == jax.tree.structure(state)


@pytest.mark.heavy
def test_the_position_changes_neither_a_score_nor_a_checkpoint(tmp_path: Path) -> None:
    def score(net: nn.Module, batch: dict, step: Array) -> dict:
        return {'output': net(batch['x'])[:, 0]}

    for name in ('replay', 'members of a stream'):
        train, source = trainings()[name]
        state, _ = fit(train, source, steps=1, key=KEY)
        size = jax.tree.leaves(state.params)[-1].shape[-2]
        batch = {'x': np.ones((3, size), np.float32)}
        found = evaluate(nn.Dense(1), score, state, [batch])
        bare = evaluate(nn.Dense(1), score, state.replace(position=None), [batch])
        np.testing.assert_array_equal(found['output'], bare['output'])
    inside = state.replace(position=None)
    assert not any(name.startswith('position') for name in named_leaves(inside))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, inside, 1, metrics={}, notes={})
    found = checkpoints.restore(inside, 0)
    checkpoints.close()
    written = (tmp_path / '1/tree/_METADATA').read_text()
    assert "('position',)" in written and "('state', 'position'" not in written
    assert found.state.position is None
    assert_same(found.state, inside)
