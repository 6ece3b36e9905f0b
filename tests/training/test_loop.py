"""The loop: rounds, resuming, sources on either side, and fit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.training import (
    NonFiniteError,
    Player,
    fit,
    learner,
    reached,
    rounds,
    stalled,
)
from dljax.types import Source
from tests.training.sources import in_order

KEY = jax.random.key(3)
X = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
SET = {'x': X, 'y': X.sum(1, keepdims=True)}


class Net(nn.Module):
    """A little of everything that a state holds: statistics, dropout, a carry."""

    @nn.compact
    def __call__(self, x):
        """Train-mode outputs."""
        x = nn.BatchNorm(use_running_average=False)(nn.Dense(4, use_bias=False)(x))
        carry = self.variable('carry', 'h', jnp.zeros, x.shape)
        h = jnp.tanh(x + 0.5 * carry.value)
        if not self.is_initializing():
            carry.value = h
        return nn.Dense(1)(nn.Dropout(0.2, deterministic=False)(h))


def squares(net, batch, step):
    return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}


@functools.cache
def recurrent():
    schedule = optax.linear_schedule(0.05, 0.0, 20)
    return learner(Net(), {'net': Player(optax.adam(schedule), loss=squares)})


def drawn(host=False):
    """Twenty batches of their own."""
    return in_order(SET, 4, host)


def run(steps, chunk=1, source=None, **start):
    """Train, and take everything to the host as it comes."""
    source = source or drawn()
    turns = rounds(recurrent(), source, key=KEY, steps=steps, chunk=chunk, **start)
    return [jax.device_get(turn) for turn in turns]


def losses(turns):
    return np.concatenate([turn.metrics['net/loss'] for turn in turns])


def assert_same(left, right, rtol=0.0):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol), left, right
    )


@pytest.mark.parametrize(
    ('host', 'chunk', 'sizes'),
    [
        (False, 2, [2, 2, 1]),
        pytest.param(True, 2, [2, 2, 1], marks=pytest.mark.heavy),
        *[
            pytest.param(host, 20, [5], marks=pytest.mark.exhaustive)
            for host in (False, True)
        ],
    ],
)
def test_any_chunk_makes_the_same_updates(host, chunk, sizes):
    source = drawn(host)
    single, turns = run(5, 1, source), run(5, chunk, source)
    assert [len(turn.metrics['net/loss']) for turn in turns] == sizes
    assert_same(losses(turns), losses(single), 1e-5)
    assert_same(turns[-1].state, single[-1].state, 1e-5)
    assert turns[-1].position == single[-1].position == 5


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize('host', [False, True])
@pytest.mark.parametrize('chunk', [3, 1])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(host, chunk):
    source = drawn(host)
    whole = run(12, chunk, source)
    first = run(6, chunk, source)
    second = run(6, chunk, source, state=first[-1].state, position=first[-1].position)
    assert_same(losses(first + second), losses(whole))
    assert_same(second[-1].state, whole[-1].state)
    assert second[-1].position == whole[-1].position
    assert len(set(losses(whole).tolist())) == 12  # each update had its own batch


@pytest.mark.heavy
def test_a_host_source_trains_as_the_traced_one_of_the_same_batches():
    traced, host = run(6, 2), run(6, 2, drawn(host=True))
    assert_same(losses(host), losses(traced), 1e-6)
    assert_same(host[-1].state, traced[-1].state, 1e-5)


def test_the_state_and_position_of_the_caller_are_not_donated():
    state = jax.jit(recurrent().init)(KEY, drawn().init(KEY)[1])
    position = jnp.int32(5)
    before = jax.device_get(state)
    list(rounds(recurrent(), drawn(), key=KEY, state=state, position=position, steps=2))
    assert_same(jax.device_get(state), before)
    assert position == 5


def test_a_round_donates_the_state_of_the_one_before():
    turns = rounds(recurrent(), drawn(), key=KEY, steps=2)
    first = next(turns)
    next(turns)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(first.state.params))


def test_rounds_without_a_number_of_steps_go_on():
    turns = rounds(recurrent(), drawn(), key=KEY, chunk=2)
    for count in (2, 4, 6):
        assert next(turns).state.step == count


def test_no_steps_are_no_rounds():
    assert run(0) == []


def test_the_state_reaches_the_source():
    """As for an environment, whose next observation depends on what was learned."""

    def after(key, position, state):
        return position + 1, {'x': jnp.full((2, 1), state.step, jnp.float32)}

    def loss(net, batch, step):
        return net(batch['x']).sum(), {'seen': batch['x'][0, 0]}

    source = Source(lambda key: (jnp.int32(0), {'x': jnp.zeros((2, 1))}), after)
    policy = learner(nn.Dense(1), {'policy': Player(optax.sgd(0.1), loss=loss)})
    for chunk in (1, 2):
        _, history = fit(policy, source, steps=4, key=KEY, chunk=chunk)
        assert history['policy/seen'].tolist() == [0, 1, 2, 3]


def test_arrays_of_a_source_are_no_constants_of_the_program(monkeypatch):
    data = jnp.asarray(np.random.default_rng(0).normal(size=(70_000, 3)), jnp.float32)

    def after(key, position, state):
        rows = jax.lax.dynamic_slice_in_dim(data, position * 4, 4)
        return position + 1, {'x': rows, 'y': rows[:, :1]}

    source = Source(lambda key: (jnp.int32(0), after(key, 0, None)[1]), after)
    programs, jit = [], jax.jit

    def spy(function, **settings):
        compiled = jit(function, **settings)

        def call(*arguments):
            programs.append(compiled.lower(*arguments))
            return compiled(*arguments)

        return call if 'donate_argnums' in settings else compiled

    monkeypatch.setattr(jax, 'jit', spy)
    turns = rounds(recurrent(), source, key=KEY, steps=4, chunk=2)
    first = jax.device_get(next(turns))
    (program,) = programs
    assert len(program.as_text()) < 200_000  # the data alone are 840,000 bytes
    shapes = [leaf.shape for leaf in jax.tree.leaves(program.in_avals)]
    assert data.shape in shapes
    monkeypatch.undo()
    assert np.isfinite(first.metrics['net/loss']).all()


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize('host', [False, True])
def test_all_rounds_of_one_length_compile_once(host):
    traces = []

    def loss(net, batch, step):
        traces.append(step)
        return squares(net, batch, step)

    # inject_hyperparams: a state that may hold weakly typed numbers
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=0.1)
    net = learner(nn.Dense(1), {'net': Player(optimizer, loss=loss)})
    source = drawn(host)
    counts = []
    for _ in rounds(net, source, key=KEY, steps=7, chunk=2):
        counts.append(len(traces))
    assert len(set(counts[:3])) == 1  # whole rounds
    assert counts[3] > counts[2]  # the short last one is another program


def test_what_a_loss_reads_from_outside_is_read_anew_by_each_training():
    weight = [1.0]

    def loss(net, batch, step):
        return weight[0] * squares(net, batch, step)[0], {}

    train = learner(nn.Dense(1), {'net': Player(optax.sgd(0.1), loss=loss)})
    losses = []
    for weight[0] in (1.0, 3.0):
        _, metrics = fit(train, drawn(), steps=1, key=KEY)
        losses.append(float(metrics['net/loss'][0]))
    np.testing.assert_allclose(losses[1], 3 * losses[0], rtol=1e-6)


def test_fit_returns_the_metrics_of_each_update():
    state, history = fit(recurrent(), drawn(), steps=7, key=KEY, chunk=3)
    assert state.step == 7
    assert {name: values.shape for name, values in history.items()} == {
        'net/loss': (7,),
        'net/gradient_norm': (7,),
        'net/finite': (7,),
    }
    assert_same(history['net/loss'], losses(run(7, 3)))
    assert all(isinstance(values, np.ndarray) for values in history.values())


def test_fit_starts_from_a_state():
    source, line = drawn(), recurrent()
    middle, _ = fit(line, source, steps=3, key=KEY)
    last, history = fit(line, source, steps=2, key=KEY, state=middle)
    assert last.step == 5 and len(history['net/loss']) == 2


def test_fit_refuses_the_state_of_another_net():
    other = learner(nn.Dense(2), {'net': Player(optax.adam(0.1), loss=squares)})
    middle, _ = fit(recurrent(), drawn(), steps=1, key=KEY)
    with pytest.raises(ValueError, match='not one of this net'):
        fit(other, drawn(), steps=1, key=KEY, state=middle)


def test_fit_stops_by_a_rule_asked_after_each_window():
    seen = []

    def stop(rows):
        seen.append(dict(rows[-1]))
        return 'enough' if len(rows) == 2 else None

    state, history = fit(
        recurrent(), drawn(), steps=100, key=KEY, chunk=2, window=6, stop=stop
    )
    assert state.step == 12 and len(history['net/loss']) == 12
    for row, start in zip(seen, (0, 6), strict=True):
        mean = history['net/loss'][start : start + 6].mean()
        assert np.isclose(row['net/loss'], mean, rtol=1e-6)


def test_fit_trains_until_a_loss_is_reached():
    def loss(net, batch, step):
        return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}

    line = learner(nn.Dense(1), {'line': Player(optax.sgd(0.1), loss=loss)})
    _, history = fit(line, drawn(), steps=500, key=KEY, stop=reached('line/loss', 1e-3))
    loss = history['line/loss']
    assert loss[-1] <= 1e-3 and (loss[:-1] > 1e-3).all()


def test_a_metric_of_no_number_is_seen_by_the_rule_and_one_sat_out_is_not():
    def loss(net, batch, step):
        return jnp.mean(net(batch['x']) ** 2), {'share': jnp.nan}

    players = {
        'now': Player(optax.sgd(0.1), loss=loss),
        'late': Player(optax.sgd(0.1), loss=loss, during=(2, None)),
    }
    seen = []
    rule = reached('now/share', 1.0)

    def stop(rows):
        seen.append(set(rows[-1]))
        return rule(rows)

    fit(learner(nn.Dense(1), players), drawn(), steps=3, key=KEY, stop=stop)
    now = {'now/loss', 'now/share', 'now/gradient_norm'}
    late = {name.replace('now', 'late') for name in now}
    assert seen == [now, now, now | late]


@pytest.mark.others('heavy')
@pytest.mark.parametrize('chunk', [4, 1])
def test_fit_names_the_update_that_diverged(chunk):
    def explode(net, batch, step):
        value, _ = squares(net, batch, step)
        return jnp.where(step == 6, jnp.nan, 1.0) * value, {}

    net = learner(nn.Dense(1), {'net': Player(optax.adam(0.1), loss=explode)})
    with pytest.raises(NonFiniteError, match="'net'.*update 6") as caught:
        fit(net, drawn(), steps=20, key=KEY, chunk=chunk)
    assert caught.value.step == 6 and caught.value.leaf.startswith('params/')


@pytest.mark.parametrize(
    'settings,match',
    [
        ({'steps': 0}, 'steps=0'),
        ({'steps': 3.5}, 'steps=3.5, wanted an integer of 1 or more'),
        ({'steps': '3'}, "steps='3', wanted an integer"),
        ({'steps': 4, 'chunk': 0}, 'chunk=0'),
        ({'steps': 4, 'chunk': 2, 'window': 3, 'stop': lambda rows: None}, 'window=3'),
        ({'steps': 4, 'key': 7}, r'key is 7, wanted .*jax.random.key\(7\)'),
        (
            {'steps': 4, 'key': jax.random.split(KEY, 3)},
            r'key is key<fry>\[3\], wanted',
        ),
        (
            {'steps': 4, 'stop': stalled('valid/loss', 3)},
            "'valid/loss'.*never measured",
        ),
    ],
)
def test_fit_refuses_wrong_numbers(settings, match):
    with pytest.raises(ValueError, match=match):
        fit(recurrent(), drawn(), **{'key': KEY, **settings})


def test_rounds_refuse_wrong_numbers():
    with pytest.raises(ValueError, match='steps=-1'):
        next(rounds(recurrent(), drawn(), key=KEY, steps=-1))
    with pytest.raises(ValueError, match='chunk=0'):
        next(rounds(recurrent(), drawn(), key=KEY, chunk=0))


def test_batches_of_several_lengths_are_no_single_call() -> None:
    def batch(position: int) -> dict[str, np.ndarray]:
        return {'x': np.ones((2, 3 + position % 2), np.float32)}

    source = Source(
        lambda key: (0, batch(0)),
        lambda key, position, state: (position + 1, batch(position)),
        host=True,
    )

    def loss(net, batch, step):
        return net(batch['x'].mean(1, keepdims=True)).mean(), {}

    train = learner(nn.Dense(1), {'net': Player(optax.sgd(0.1), loss=loss)})
    fit(train, source, steps=2, key=KEY)
    with pytest.raises(ValueError, match=r'shapes \[\(2, 3\), \(2, 4\)\].*chunk=1'):
        fit(train, source, steps=2, key=KEY, chunk=2)
