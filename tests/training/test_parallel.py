"""One device, a mesh, a split state and pmap: the same training."""

import functools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import resident, together
from dljax.training import (
    Learner,
    Player,
    clipped,
    data_mesh,
    fit,
    learner,
    mapped,
    replicated,
    rounds,
    sharded,
)
from dljax.types import Array, Key, State
from tests.training.sources import in_order

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
SET = {
    'x': RNG.normal(size=(64, 6)).astype(np.float32),
    'label': RNG.integers(0, 3, 64).astype(np.int32),
}
NORM = 0.3  # below the norms of these gradients, so that the clipping is at work


class Net(nn.Module):
    """A batch norm without a bias before it, whose gradient would be rounding only."""

    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Compute logits."""
        x = nn.Dense(16, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=False, axis_name=self.axis_name)(x)
        return nn.Dense(3)(nn.relu(x))


def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    logits = net(batch['x'])
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch['label'])
    return losses.mean(), {'accuracy': (logits.argmax(-1) == batch['label']).mean()}


def made(way: str, clip: bool) -> Learner:
    optimizer = optax.adam(1e-2)
    optimizer = clipped(optimizer, NORM) if clip else optimizer
    players = {'c': Player(optimizer, loss=loss)}
    if way == 'pmap':
        return replicated(learner(Net(axis_name='data'), players, axis='data'))
    if way == 'mapped':
        return mapped(learner(Net(axis_name='data'), players, axis='data'), data_mesh())
    one = learner(Net(), players)
    if way == 'one':
        return one
    return sharded(one, data_mesh(fsdp=2 if way == 'fsdp' else 1), threshold=16)


@functools.cache
def trained(way: str, clip: bool) -> tuple[State, dict]:
    return fit(made(way, clip), in_order(SET, 16), steps=6, key=KEY)


def assert_close(left: object, right: object, atol: float = 1e-6) -> None:
    for (path, a), (_, b) in zip(
        jax.tree_util.tree_leaves_with_path(left),
        jax.tree_util.tree_leaves_with_path(right),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=atol, err_msg=str(path))


@pytest.mark.parametrize(
    ('way', 'clip'),
    [
        ('fsdp', True),
        pytest.param('mapped', True, marks=pytest.mark.heavy),
        pytest.param('pmap', True, marks=pytest.mark.exhaustive),
        pytest.param('mesh', True, marks=pytest.mark.exhaustive),
        *[
            pytest.param(way, False, marks=pytest.mark.exhaustive)
            for way in ('fsdp', 'mesh', 'mapped', 'pmap')
        ],
    ],
    ids=lambda value: {True: 'clipped', False: 'plain'}.get(value, value),
)
def test_many_devices_train_as_one(way: str, clip: bool) -> None:
    assert len(jax.devices()) == 2
    one, history = trained('one', clip)
    many, other = trained(way, clip)
    assert_close(one, many)  # parameters, batch statistics and moments of Adam
    assert_close(history, other, 1e-5)
    if clip:
        assert (history['c/gradient_norm'] > NORM).sum() > 3
    assert len(many.step.devices()) == 2


LONG = ('pmap', 'one', 'pmap', 'mesh', 'pmap', 'mapped')


@pytest.mark.parametrize(
    ('host', 'ways'),
    [
        pytest.param(True, LONG, marks=pytest.mark.exhaustive),
        pytest.param(False, LONG, marks=pytest.mark.exhaustive),
    ],
    ids=['host', 'traced'],
)
def test_a_training_goes_on_over_other_devices(
    host: bool, ways: tuple[str, ...]
) -> None:
    source = in_order(SET, 16, host)
    start = {'key': KEY, 'chunk': 1}
    one, _ = fit(made('one', True), source, steps=len(ways), **start)
    state = None
    for way in ways:
        state, _ = fit(made(way, True), source, steps=1, state=state, **start)
        # as it comes back from a checkpoint
        state = jax.device_put(jax.device_get(state), jax.devices()[0])
    assert_close(one, state)


@pytest.mark.exhaustive
def test_without_its_axis_a_batch_norm_normalises_each_part() -> None:
    one, _ = trained('one', False)
    players = {'c': Player(optax.adam(1e-2), loss=loss)}
    each = learner(Net(), players, axis='data')
    states = [
        fit(train, in_order(SET, 16), steps=6, key=KEY)[0]
        for train in (replicated(each), mapped(each, data_mesh()))
    ]
    assert_close(*states)
    with pytest.raises(AssertionError):
        assert_close(one.params, states[0].params, 1e-4)


@pytest.mark.heavy
def test_running_statistics_are_the_mean_of_the_parts() -> None:
    frozen = {'c': Player(optax.sgd(0.0), loss=loss)}
    batch = {name: jnp.asarray(values[:16]) for name, values in SET.items()}
    halves = [jax.tree.map(lambda x, i=i: x[i : i + 8], batch) for i in (0, 8)]
    one, each = learner(Net(), frozen), learner(Net(), frozen, axis='data')
    state, update = jax.jit(one.init)(KEY, batch), jax.jit(one.update)
    ends = [update(KEY, state, half)[0].collections for half in halves]
    both = jax.jit(mapped(each, data_mesh()).update)(KEY, state, batch)[0].collections
    assert_close(both, jax.tree.map(lambda a, b: (a + b) / 2, *ends))


def test_large_leaves_are_split_and_small_ones_are_not() -> None:
    state, _ = trained('fsdp', True)
    kernel = state.params['Dense_0']['kernel']  # 6 x 16
    assert kernel.sharding.spec == jax.sharding.PartitionSpec(None, 'fsdp')
    assert kernel.addressable_shards[0].data.shape == (6, 8)
    moment = optax.tree.get(state.opt_state['c'], 'mu')['Dense_0']['kernel']
    assert moment.sharding.spec == kernel.sharding.spec
    bias = state.params['Dense_1']['bias']
    assert bias.addressable_shards[0].data.shape == (3,)


class Counter(nn.Module):
    """Adds up what each place of the batch has seen, as recurrent nets do."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Add to the carry, and answer with a weighted sum of it."""
        carry = self.variable('carry', 'sum', lambda: jnp.zeros_like(x))
        if not self.is_initializing():
            carry.value = carry.value + x
        return nn.Dense(1, use_bias=False)(carry.value)


def follow_sum(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    return jnp.mean((net(batch['x']) - 1.0) ** 2), {}


@pytest.mark.exhaustive
@pytest.mark.parametrize('way', ['mapped', 'pmap', 'mesh'])
def test_a_carry_of_the_batch_is_split_with_it(way: str) -> None:
    players = {'c': Player(optax.sgd(1e-3), loss=follow_sum)}
    batch = {'x': jnp.asarray(SET['x'][:8])}
    one = learner(Counter(), players)
    if way == 'mesh':
        many = sharded(one, data_mesh())
    elif way == 'mapped':
        many = mapped(learner(Counter(), players, axis='data'), data_mesh())
    else:
        many = replicated(learner(Counter(), players, axis='data'))
    states = []
    for train in (one, many):
        state, update = jax.jit(train.init)(KEY, batch), jax.jit(train.update)
        for _ in range(3):
            state, _ = update(KEY, state, batch)
        states.append(state)
    assert_close(*states)
    np.testing.assert_allclose(
        states[1].collections['carry']['sum'], 3 * batch['x'], rtol=1e-6
    )
    if way != 'pmap':
        shard = states[1].collections['carry']['sum'].addressable_shards[0]
        assert shard.data.shape == (4, 6)


ODD = {name: values[:15] for name, values in SET.items()}


@pytest.mark.parametrize('way', ['mesh', 'pmap', 'mapped'])
def test_a_batch_that_does_not_divide_is_refused(way: str) -> None:
    with pytest.raises(ValueError, match='batch of 15 does not divide over 2 devices'):
        fit(made(way, False), resident(ODD), steps=1, key=KEY)


def test_every_part_of_a_joined_batch_has_to_divide() -> None:
    def both(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
        return loss(net, batch['a'], step)[0] + loss(net, batch['b'], step)[0], {}

    source = together({'a': in_order(SET, 8), 'b': in_order(SET, 1)})
    train = sharded(
        learner(Net(), {'c': Player(optax.sgd(1.0), loss=both)}), data_mesh()
    )
    with pytest.raises(ValueError, match='batch of 1 does not divide over 2 devices'):
        fit(train, source, steps=1, key=KEY)


def test_impossible_meshes_are_refused() -> None:
    with pytest.raises(ValueError, match='fsdp=3 does not divide 2'):
        data_mesh(fsdp=3)
    other = jax.make_mesh((2,), ('model',), axis_types=(jax.sharding.AxisType.Auto,))
    with pytest.raises(ValueError, match="wanted one called 'data'"):
        sharded(made('one', False), other)
    for mesh in (other, data_mesh(fsdp=2)):
        with pytest.raises(ValueError, match="all devices on the axis 'data'"):
            mapped(made('one', False), mesh)


@pytest.mark.heavy
def test_pmap_works_without_an_outer_jit() -> None:
    batch = {name: jnp.asarray(values[:16]) for name, values in SET.items()}
    one, many = made('one', True), made('pmap', True)
    state = jax.jit(one.init)(KEY, batch)
    assert_close(jax.jit(one.update)(KEY, state, batch), many.update(KEY, state, batch))


class Noisy(nn.Module):
    """Shows which random numbers each example gets."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Return noise of the shape of a weighted input."""
        noise = jax.random.normal(self.make_rng('noise'), x.shape)
        self.variable('seen', 'noise', lambda: jnp.zeros_like(x)).value = noise
        return nn.Dense(1)(x)


@pytest.mark.heavy
def test_devices_draw_different_random_numbers_under_pmap() -> None:
    players = {'c': Player(optax.sgd(0.1), loss=follow_sum)}
    train = replicated(learner(Noisy(), players, axis='data'))
    batch = {'x': jnp.asarray(SET['x'][:8])}
    state, _ = train.update(KEY, jax.jit(train.init)(KEY, batch), batch)
    noise = np.asarray(state.collections['seen']['noise'])
    assert not np.allclose(noise[:4], noise[4:])


@pytest.mark.exhaustive
def test_rounds_keep_the_placement_over_calls() -> None:
    turns = rounds(made('fsdp', True), in_order(SET, 16), key=KEY, steps=3)
    specs = {t.state.params['Dense_0']['kernel'].sharding.spec for t in turns}
    assert len(specs) == 1


@pytest.mark.heavy
def test_over_several_devices_of_a_cpu_no_call_is_left_under_way() -> None:
    """The next one, and what callers compute of the metrics, could stall it."""
    wide = {'x': np.ones((32, 300), np.float32)}
    player = Player(optax.sgd(1e-3), loss=follow_sum)
    train = sharded(learner(nn.Dense(300), {'c': player}), data_mesh())
    for turn in rounds(train, in_order(wide, 32), key=KEY, steps=6):
        assert all(value.is_ready() for value in turn.metrics.values())


MANY_CALLS = """
import jax, jax.numpy as jnp, optax
from flax import linen as nn
from dljax.training import Player, data_mesh, learner, rounds, sharded
from dljax.types import Source

def loss(net, batch, step):
    return jnp.mean(net(batch) ** 2), {}

player = Player(optax.sgd(0.1), loss=loss)
train = sharded(learner(nn.Dense(400), {'net': player}), data_mesh())
batch = jnp.ones((128, 784))
source = Source(lambda key: (0, batch), lambda key, at, state: (at, batch))
found = []
for turn in rounds(train, source, key=jax.random.key(0), steps=1000):
    found.append(sum(turn.metrics.values()) * 2 - 1)  # programs of the caller's own
print(len(jax.devices()), int(turn.state.step))
"""


@pytest.mark.heavy
def test_calls_that_nobody_waits_for_do_not_stall_each_other() -> None:
    # Compiled as for users: without optimisations no two products share the threads.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != 'JAX_DISABLE_MOST_OPTIMIZATIONS'
    }
    done = subprocess.run(
        [sys.executable, '-c', MANY_CALLS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.split() == ['2', '1000'], done.stderr[-500:]


def test_keys_are_folded_by_name_without_collisions() -> None:
    from dljax.types import fold

    def words(key: Key) -> tuple[int, ...]:
        return tuple(np.asarray(jax.random.key_data(key)).tolist())

    names = ['init', 'update', 'batches', 0, 1, 2]
    assert len({words(fold(KEY, name)) for name in names}) == len(names)
    assert words(fold(KEY, 'a', 1)) == words(fold(fold(KEY, 'a'), 1))
    traced = jax.jit(lambda step: fold(KEY, 'update', step))(3)
    assert words(traced) == words(fold(KEY, 'update', 3))
