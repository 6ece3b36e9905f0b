"""Updates that are not finite are passed over as a whole, whatever made them so."""

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.training import (
    Learner,
    NonFiniteError,
    Player,
    data_mesh,
    ensemble,
    fit,
    learner,
    mapped,
    replicated,
    rounds,
    sharded,
    skipping,
)
from dljax.training.skipping import SKIPPED, Skips, sound
from dljax.types import Array, Source, State, fold

KEY = jax.random.key(0)
BAD = 3  # the batch of this position


class Net(nn.Module):
    """With running statistics, and a place where they can be poisoned alone."""

    @nn.compact
    def __call__(self, x: Array, poison: Array | float = 0.0) -> Array:
        """Answer with one number an example."""
        seen = self.variable('seen', 'mean', jnp.zeros, ())
        x = nn.BatchNorm(use_running_average=False)(x)
        if not self.is_initializing():
            seen.value = 0.9 * seen.value + poison
        return nn.Dense(1)(x)


def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    bad = batch['bad'].max()
    value = jnp.mean((net(batch['x'], batch['poison'].sum()) - batch['y']) ** 2)
    value = value * jnp.where(bad == 1, jnp.nan, jnp.where(bad == 3, 1e6, 1.0))
    hidden = jnp.sqrt(jnp.where(bad == 2, 0.0, 1.0) * jnp.abs(value))  # its derivative
    return value + jnp.where(bad == 2, hidden, 0.0), {'bad': bad}


def drawn(origin: str, host: bool = False) -> Source:
    """Batches of which one is poisoned: in what it holds, or in what it asks for."""
    x = np.random.default_rng(0).normal(size=(8, 4, 2)).astype(np.float32)
    table = {'x': x, 'y': x.sum(2, keepdims=True), 'poison': np.zeros((8, 4))}
    table = {name: values.astype(np.float32) for name, values in table.items()}
    table['bad'] = np.zeros((8, 4), np.int32)
    kind = {'loss': 1, 'gradient': 2, 'optimizer': 3}
    if origin in kind:
        table['bad'][BAD] = kind[origin]
    elif origin != 'none':
        name = {'input': 'x', 'label': 'y', 'statistics': 'poison'}[origin]
        table[name][BAD, 0] = np.nan  # of the first device only
    first = {name: values[0] for name, values in table.items()}
    if host:

        def reading(key: Array, position: int, state: State) -> tuple:
            at = int(position)
            return at + 1, {name: values[at] for name, values in table.items()}

        return Source(lambda key: (0, first), reading, host=True)
    placed = {name: jnp.asarray(values) for name, values in table.items()}

    def after(key: Array, position: Array, state: State) -> tuple:
        return position + 1, {name: values[position] for name, values in placed.items()}

    return Source(lambda key: (jnp.int32(0), first), after)


def failing() -> optax.GradientTransformation:
    """Descent that a large gradient, finite as it is, leads out of the numbers."""

    def update(updates: dict, count: Array, params: Any = None) -> tuple:
        factor = jnp.where(optax.tree.norm(updates) > 1e4, jnp.inf, -0.1)
        return jax.tree.map(lambda g: factor * g, updates), count + 1

    last = optax.GradientTransformation(lambda params: jnp.int32(0), update)
    return optax.chain(optax.trace(0.9), last)


@functools.cache
def made(way: str = 'one') -> Learner:
    axis = 'data' if way in ('mapped', 'pmap') else None
    one = learner(Net(), {'p': Player(failing(), loss=loss)}, axis=axis)
    return {
        'one': lambda: one,
        'mesh': lambda: sharded(one, data_mesh()),
        'mapped': lambda: mapped(one, data_mesh()),
        'pmap': lambda: replicated(one),
    }[way]()


@functools.cache
def updated(train: Learner) -> Callable:
    return jax.jit(train.update)


def without_the_bad(train: Learner, source: Source, steps: int) -> State:
    """Train on the same batches but for the bad one, whose step counts."""
    position, batch = source.init(KEY)
    state, update = jax.jit(train.init)(KEY, batch), updated(train)
    for _ in range(steps):
        at = int(position)
        position, batch = source.next(KEY, position, state)
        moved, _ = update(KEY, state, batch)
        state = state.replace(step=state.step + 1) if at == BAD else moved
    return state


def assert_close(left: Any, right: Any) -> None:
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


ORIGINS = ('input', 'statistics', 'optimizer', 'label', 'loss', 'gradient')


@pytest.mark.parametrize(
    ('origin', 'way'),
    [
        *[(origin, 'one') for origin in ORIGINS[:3]],
        *[pytest.param(o, 'one', marks=pytest.mark.exhaustive) for o in ORIGINS[3:]],
        pytest.param('input', 'pmap', marks=pytest.mark.heavy),
        pytest.param('statistics', 'mesh', marks=pytest.mark.exhaustive),
        *[
            pytest.param(origin, way, marks=pytest.mark.exhaustive)
            for origin, way in (
                *(('input', 'mesh'), ('input', 'mapped')),
                ('statistics', 'mapped'),
            )
        ],
    ],
)
def test_an_update_that_is_not_finite_leaves_no_trace(origin: str, way: str) -> None:
    train, source = made(way), drawn(origin, host=True)
    state, history = fit(train, source, steps=6, key=KEY, chunk=3, skip=1)
    assert history[SKIPPED].tolist() == [0, 0, 0, 1, 0, 0]
    assert np.isnan(history['p/loss']).tolist() == [0, 0, 0, 1, 0, 0]
    assert state.step == 6 and state.position == 6 and bool(sound(state))
    if way == 'one':
        assert_close(state.replace(position=None), without_the_bad(train, source, 6))


@pytest.mark.exhaustive
def test_one_after_another_or_in_a_chunk_the_same_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = []
    for chunk, host, few in ((4, False, 0), (1, True, 0), (1, True, 99)):
        monkeypatch.setattr(sys.modules[Skips.__module__], 'FEW', few)
        source = drawn('loss', host)
        ends += [fit(made(), source, steps=6, key=KEY, chunk=chunk, skip=1)[0]]
    for end in ends[1:]:
        assert_close(end, ends[0])


def turned(source: Source) -> Source:
    """Give each key batches of its own: of one sign or of the other."""

    def sign(key: Array, batch: dict) -> dict:
        odd = jax.random.key_data(key)[..., -1] % 2
        return batch | {'x': jnp.where(odd == 1, -batch['x'], batch['x'])}

    def init(key: Array) -> tuple:
        position, batch = source.init(key)
        return position, sign(key, batch)

    def after(key: Array, position: Array, state: State) -> tuple:
        position, batch = source.next(key, position, state)
        return position, sign(key, batch)

    return Source(init, after)


@pytest.mark.heavy
def test_a_member_skips_alone() -> None:
    def unlucky(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
        value, metrics = loss(net, batch, step)
        chosen = batch['x'][0, 0] > 0  # of some members only
        return jnp.where(chosen & (step == 2), jnp.nan, 1.0) * value, metrics

    one = learner(Net(), {'p': Player(optax.sgd(0.1, 0.9), loss=unlucky)})
    source = turned(drawn('none'))
    many = ensemble(one, source, 4)
    state, history = fit(*many, steps=4, key=KEY, chunk=4, skip=1)
    skipped = history[SKIPPED]
    assert skipped.shape == (4, 4) and skipped[[0, 1, 3]].sum() == 0
    assert 0 < skipped[2].sum() < 4
    for index in range(4):
        alone, found = fit(one, source, steps=4, key=fold(KEY, index), chunk=4, skip=1)
        assert found[SKIPPED].tolist() == skipped[:, index].tolist()
        own = jax.tree.map(lambda leaf, i=index: leaf[i], state.params)
        assert_close(own, alone.params)


def random() -> Source:
    """Batches that are drawn in the program, none of them poisoned."""

    def batch_at(key: Array, position: Array) -> dict:
        x = jax.random.normal(fold(key, 'x', position), (4, 2))
        calm = {'poison': jnp.zeros(4), 'bad': jnp.zeros(4, int)}
        return {'x': x, 'y': x.sum(1, keepdims=True), **calm}

    def after(key: Array, position: Array, state: State) -> tuple:
        return position + 1, batch_at(key, jnp.int32(position))

    init = jax.jit(lambda key: (jnp.int32(0), batch_at(key, jnp.int32(0))))
    return Source(init, after)


# Two programs that round alike but where the compiler writes kernels the former way.
FORMER = 'xla_cpu_use_fusion_emitters=false' in os.environ.get('XLA_FLAGS', '')


@pytest.mark.parametrize(
    'chunk',
    [
        pytest.param(3, marks=pytest.mark.heavy),
        pytest.param(1, marks=pytest.mark.skipif(FORMER, reason='rounds otherwise')),
    ],
)
def test_a_training_in_which_nothing_happens_is_changed_in_nothing(chunk: int) -> None:
    settings = {'steps': 6, 'key': KEY, 'chunk': chunk}
    train = learner(Net(), {'p': Player(optax.sgd(0.1, 0.9), loss=loss)})
    plain, _ = fit(train, random(), **settings)
    careful, history = fit(train, random(), skip=1, **settings)
    jax.tree.map(np.testing.assert_array_equal, plain, careful)
    assert not history[SKIPPED].any()


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize('chunk', [4, 1])
def test_more_in_a_row_than_allowed_end_the_training(chunk: int) -> None:
    def never(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
        value, metrics = loss(net, batch, step)
        return jnp.where((step > 1) & (step < 5), jnp.inf, 1.0) * value, metrics

    train = learner(Net(), {'p': Player(optax.sgd(0.1), loss=never)})
    settings = {'steps': 8, 'key': KEY, 'chunk': chunk}
    with pytest.raises(NonFiniteError, match='3 updates in a row, up to update 4'):
        fit(train, drawn('none'), skip=2, **settings)
    _, history = fit(train, drawn('none'), skip=3, **settings)
    assert history[SKIPPED].sum() == 3


@pytest.mark.heavy
def test_a_player_that_sits_out_is_not_skipped() -> None:
    seldom = Player(optax.sgd(0.1), loss=loss, every=2)
    _, history = fit(
        learner(Net(), {'p': seldom}), drawn('loss'), steps=6, key=KEY, skip=1
    )
    assert not history[SKIPPED].any()  # the bad batch came in a turn without a move


@pytest.mark.heavy
def test_rounds_pass_over_as_well() -> None:
    turns = rounds(made(), drawn('loss'), key=KEY, steps=5, skip=True)
    assert [float(turn.metrics[SKIPPED][0]) for turn in turns] == [0, 0, 0, 1, 0]


@pytest.mark.heavy
def test_a_learner_may_be_wrapped_by_hand() -> None:
    train: Callable = jax.jit(skipping(made()).update)
    source = drawn('label', host=True)
    state = jax.jit(made().init)(KEY, source.init(KEY)[1])
    for at in range(5):
        _, batch = source.next(KEY, at, state)
        state, metrics = train(KEY, state, batch)
        assert metrics[SKIPPED] == (at == BAD) and metrics['p/finite']
    assert bool(sound(state)) and state.step == 5
