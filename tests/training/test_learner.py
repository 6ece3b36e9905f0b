"""The train step: who moves what, in which order, and what a turn leaves behind."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.training import Player, averaged, learner, with_averages

KEY = jax.random.key(0)
X = np.linspace(-1.0, 1.0, 8, dtype=np.float32)[:, None]
BATCH = {'x': X, 'y': 3.0 * X + 1.0}


class Pair(nn.Module):
    """Two networks side by side."""

    left: nn.Module
    right: nn.Module

    def __call__(self, x):
        """Answer with both outputs."""
        return self.left(x), self.right(x)


def pair():
    return Pair(nn.Dense(1), nn.Dense(1))


def squares(net, batch, step):
    return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}


def both(net, batch, step):
    left, right = net(batch['x'])
    return jnp.mean((left - batch['y']) ** 2) + jnp.mean((right + batch['y']) ** 2), {}


@functools.cache
def compiled(train_learner):
    return jax.jit(train_learner.init), jax.jit(train_learner.update)


def train(train_learner, steps, batch=BATCH, key=KEY):
    """Make some updates; on the host, the state and metrics before and after each."""
    init, update = compiled(train_learner)
    states, history = [init(key, batch)], []
    for _ in range(steps):
        state, metrics = update(key, states[-1], batch)
        states.append(state)
        history.append(metrics)
    return jax.device_get((states, history))


def assert_equal(left, right):
    jax.tree.map(np.testing.assert_array_equal, left, right)


def differs(left, right):
    return any(
        (np.asarray(a) != np.asarray(b)).any()
        for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    )


def test_a_line_is_fitted():
    line = learner(nn.Dense(1), {'line': Player(optax.sgd(0.5), loss=squares)})
    states, history = train(line, 100)
    assert np.allclose(states[-1].params['kernel'], 3.0, atol=1e-3)
    assert np.allclose(states[-1].params['bias'], 1.0, atol=1e-3)
    assert set(history[0]) == {'line/loss', 'line/gradient_norm', 'line/finite'}
    assert history[-1]['line/loss'] < 1e-6 < history[0]['line/loss']
    assert states[-1].step == 100 and states[-1].step.dtype == jnp.int32


def test_one_turn_is_one_step_of_descent():
    line = learner(nn.Dense(1), {'line': Player(optax.sgd(0.1), loss=squares)})
    (before, after), (metrics,) = train(line, 1)
    w, b = before.params['kernel'][0, 0], before.params['bias'][0]
    error = w * X + b - BATCH['y']
    dw, db = 2.0 * (error * X).mean(), 2.0 * error.mean()
    np.testing.assert_allclose(after.params['kernel'][0, 0], w - 0.1 * dw, rtol=1e-5)
    np.testing.assert_allclose(after.params['bias'][0], b - 0.1 * db, rtol=1e-5)
    norm = metrics['line/gradient_norm']
    np.testing.assert_allclose(norm, np.hypot(dw, db), rtol=1e-5)
    np.testing.assert_allclose(metrics['line/loss'], (error**2).mean(), rtol=1e-6)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('mover,rest', [('left', 'right'), ('right', 'left')])
def test_a_player_moves_only_its_groups(mover, rest):
    one = learner(pair(), {'one': Player(optax.adamw(0.1), loss=both, trains=(mover,))})
    states, _ = train(one, 3)
    assert_equal(states[0].params[rest], states[-1].params[rest])
    assert differs(states[0].params[mover]['kernel'], states[-1].params[mover])
    assert set(states[-1].params) == {'left', 'right'}
    moments = optax.tree.get(states[-1].opt_state['one'], 'mu')
    assert set(moments) == {mover}


@pytest.mark.heavy
def test_a_group_within_a_group_moves_alone():
    optimizer = averaged(optax.adamw(0.1))
    player = Player(optimizer, loss=both, trains=('left/kernel', 'right'))
    (before, *_, after), _ = train(learner(pair(), {'one': player}), 3)
    assert_equal(before.params['left']['bias'], after.params['left']['bias'])
    assert differs(before.params['left']['kernel'], after.params['left']['kernel'])
    assert differs(before.params['right'], after.params['right'])
    assert set(after.params['left']) == {'kernel', 'bias'}
    mean = with_averages(after).params
    assert jax.tree.structure(mean) == jax.tree.structure(after.params)
    assert_equal(mean['left']['bias'], after.params['left']['bias'])
    assert differs(mean['left']['kernel'], after.params['left']['kernel'])


def test_two_players_share_a_container():
    def left(net, batch, step):
        return jnp.mean((net(batch['x'])[0] - batch['y']) ** 2), {}

    def right(net, batch, step):
        return jnp.mean((net(batch['x'])[1] + batch['y']) ** 2), {}

    players = {
        'first': Player(optax.sgd(0.5), loss=left, trains=('left',)),
        'second': Player(optax.sgd(0.5), loss=right, trains=('right',)),
    }
    states, _ = train(learner(pair(), players), 100)
    assert np.allclose(states[-1].params['left']['kernel'], 3.0, atol=1e-3)
    assert np.allclose(states[-1].params['right']['kernel'], -3.0, atol=1e-3)


def test_no_group_named_means_every_group():
    states, _ = train(learner(pair(), {'all': Player(optax.sgd(0.1), loss=both)}), 1)
    for group in ('left', 'right'):
        assert differs(states[0].params[group], states[1].params[group])


@pytest.mark.others('heavy')
@pytest.mark.parametrize('order', [('left', 'right'), ('right', 'left')])
def test_the_second_player_sees_the_move_of_the_first(order):
    def loss(net, batch, step):
        left, right = net(batch['x'])
        return jnp.mean((left + right - batch['y']) ** 2), {}

    first, second = order
    players = {
        # named so that the alphabet contradicts the order of the turns
        'z': Player(optax.sgd(0.1), loss=loss, trains=(first,)),
        'a': Player(optax.sgd(0.1), loss=loss, trains=(second,)),
    }
    game = learner(pair(), players)
    (before, after), (metrics,) = train(game, 1)

    @jax.jit
    @jax.value_and_grad
    def differentiated(params):
        return loss(lambda x: pair().apply({'params': params}, x), BATCH, 0)[0]

    between = {**before.params, first: after.params[first]}
    (early, _), (late, gradient) = jax.device_get(
        (differentiated(before.params), differentiated(between))
    )
    np.testing.assert_allclose(metrics['z/loss'], early, rtol=1e-5)
    np.testing.assert_allclose(metrics['a/loss'], late, rtol=1e-5)
    assert not np.isclose(late, early, rtol=1e-2)
    gradient = gradient[second]
    moved = jax.tree.map(lambda p, g: p - 0.1 * g, between[second], gradient)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        after.params[second],
        moved,
    )


def test_a_player_plays_every_so_many_updates_and_counts_its_own_moves():
    players = {
        'often': Player(optax.adam(0.1), loss=both, trains=('left',)),
        'seldom': Player(optax.adam(0.1), loss=both, trains=('right',), every=3),
    }
    states, history = train(learner(pair(), players), 7)
    for index, metrics in enumerate(history):
        before, after = states[index], states[index + 1]
        moved = differs(before.params['right'], after.params['right'])
        plays = index % 3 == 0
        assert moved == plays
        assert np.isnan(metrics['seldom/loss']) != plays
        assert np.isnan(metrics['seldom/gradient_norm']) != plays
        assert metrics['seldom/finite'] and metrics['often/finite']
        assert differs(before.params['left'], after.params['left'])
    assert states[-1].step == 7
    assert optax.tree.get(states[-1].opt_state['often'], 'count') == 7
    assert optax.tree.get(states[-1].opt_state['seldom'], 'count') == 3


@pytest.mark.others('heavy')
@pytest.mark.parametrize(
    ('during', 'every', 'turns'),
    [((1, 7), 3, {1, 4}), ((2, 5), 1, {2, 3, 4}), ((1, None), 3, {1, 4, 7})],
)
def test_a_player_plays_in_its_phase_only(during, every, turns):
    phased = Player(
        optax.adam(0.1), loss=both, trains=('right',), every=every, during=during
    )
    players = {'all': Player(optax.sgd(0.1), loss=both, trains=('left',))}
    states, history = train(learner(pair(), {**players, 'phased': phased}), 8)
    rights = [state.params['right'] for state in states]
    moved = {i for i in range(8) if differs(rights[i], rights[i + 1])}
    heard = {i for i in range(8) if not np.isnan(history[i]['phased/loss'])}
    assert moved == heard == turns
    assert optax.tree.get(states[-1].opt_state['phased'], 'count') == len(turns)


def test_a_schedule_counts_the_moves_of_its_player():
    schedule = optax.piecewise_constant_schedule(1.0, {2: 0.0})  # two moves of 1

    def up(net, batch, step):
        net(batch['x'])
        return {'kernel': -jnp.ones((1, 1)), 'bias': jnp.zeros(1)}, {}

    walk = learner(
        nn.Dense(1), {'walk': Player(optax.sgd(schedule), direction=up, every=2)}
    )
    states, _ = train(walk, 8)
    way = [
        float(s.params['kernel'][0, 0] - states[0].params['kernel'][0, 0])
        for s in states
    ]
    np.testing.assert_allclose(way, [0, 1, 1, 2, 2, 2, 2, 2, 2], atol=1e-6)


def test_a_target_network_is_a_player_with_a_direction():
    tau = 0.25

    def follow(net, batch, step):
        params = net.variables['params']
        difference = jax.tree.map(
            lambda target, online: target - online, params['right'], params['left']
        )
        return {'right': difference}, {}

    players = {
        'online': Player(optax.sgd(0.3), loss=both, trains=('left',)),
        'target': Player(optax.sgd(tau), direction=follow, trains=('right',)),
    }
    states, history = train(learner(pair(), players), 5)
    target = states[0].params['right']
    for state in states[1:]:
        target = jax.tree.map(
            lambda old, new: (1.0 - tau) * old + tau * new, target, state.params['left']
        )
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
            state.params['right'],
            target,
        )
    assert 'target/loss' not in history[0] and 'target/gradient_norm' in history[0]


def test_a_closed_form_lands_on_its_solution_at_once():
    def least_squares(net, batch, step):
        net(batch['x'])
        design = jnp.concatenate([batch['x'], jnp.ones_like(batch['x'])], axis=1)
        solution = jnp.linalg.solve(design.T @ design, design.T @ batch['y'])
        params = net.variables['params']
        return {
            'kernel': params['kernel'] - solution[:1],
            'bias': params['bias'] - solution[1],
        }, {'slope': solution[0, 0]}

    players = {'solver': Player(optax.sgd(1.0), direction=least_squares)}
    states, history = train(learner(nn.Dense(1), players), 1)
    np.testing.assert_allclose(states[1].params['kernel'], [[3.0]], rtol=1e-5)
    np.testing.assert_allclose(states[1].params['bias'], [1.0], rtol=1e-5)
    np.testing.assert_allclose(history[0]['solver/slope'], 3.0, rtol=1e-5)


class Normalised(nn.Module):
    """A dense layer and its batch statistics."""

    dtype: jnp.dtype | None = None

    @nn.compact
    def __call__(self, x, train):
        """Normalise by the batch, or by the running statistics."""
        x = nn.Dense(3, dtype=self.dtype)(x)
        return nn.BatchNorm(not train, momentum=0.5, dtype=self.dtype)(x)


def test_batch_statistics_move_in_train_mode_only():
    for mode in (True, False):
        players = {
            'one': Player(
                optax.sgd(0.0),
                loss=lambda net, batch, step, mode=mode: (
                    net(batch['x'], train=mode).sum(),
                    {},
                ),
            )
        }
        states, _ = train(learner(Normalised(), players), 2)
        stats = [s.collections['batch_stats']['BatchNorm_0'] for s in states]
        assert differs(stats[0], stats[1]) == mode
        np.testing.assert_array_equal(stats[0]['var'], np.ones(3))  # init plays no turn
        if mode:
            kernel = states[0].params['Dense_0']['kernel']
            np.testing.assert_allclose(
                stats[1]['mean'], (X @ kernel).mean(0) / 2, atol=1e-6
            )
            np.testing.assert_allclose(
                stats[1]['var'], 0.5 + (X @ kernel).var(0) / 2, rtol=1e-5
            )


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('mode', [False, True])
def test_a_critic_leaves_the_statistics_of_a_generator_called_in_evaluation(mode):
    def tell(net, batch, step):
        fake = net.left(batch['x'], train=mode)
        return jnp.mean(net.right(fake, train=True) ** 2), {}

    critic = Player(optax.sgd(0.1), loss=tell, trains=('right',))
    states, _ = train(learner(Pair(Normalised(), Normalised()), {'critic': critic}), 2)
    stats = [s.collections['batch_stats'] for s in states]
    assert differs(stats[0]['left'], stats[1]['left']) == mode
    assert differs(stats[0]['right'], stats[1]['right'])


class Echo(nn.Module):
    """h' = w h + x, where h is carried from one update to the next."""

    @nn.compact
    def __call__(self, x):
        """Go one step on."""
        w = self.param('w', nn.initializers.constant(0.5), ())
        carry = self.variable('carry', 'h', jnp.ones, x.shape)
        h = w * carry.value + x
        if not self.is_initializing():
            carry.value = h
        return h


def test_a_carry_goes_on_but_is_not_differentiated_through():
    def loss(net, batch, step):
        return net(batch['x']).sum(), {}

    states, history = train(
        learner(Echo(), {'one': Player(optax.sgd(0.01), loss=loss)}), 3
    )
    w, h = 0.5, np.ones_like(X)
    for state, metrics in zip(states[1:], history, strict=True):
        # d loss / dw = sum h: the carry that came in is a constant
        np.testing.assert_allclose(
            metrics['one/gradient_norm'], abs(h.sum()), rtol=1e-5
        )
        h = w * h + np.asarray(X)
        w = w - 0.01 * (h - np.asarray(X)).sum() / w
        np.testing.assert_allclose(state.collections['carry']['h'], h, rtol=1e-5)
        np.testing.assert_allclose(state.params['w'], w, rtol=1e-5)


class Sower(nn.Module):
    """Sows an intermediate and counts its calls."""

    @nn.compact
    def __call__(self, x):
        """Count, apply and sow."""
        calls = self.variable('counts', 'calls', jnp.zeros, ())
        if not self.is_initializing():
            calls.value += 1.0
        x = nn.Dense(1)(x)
        self.sow('intermediates', 'activation', x)
        return x


def test_neither_parameters_nor_intermediates_become_collections():
    states, _ = train(
        learner(Sower(), {'one': Player(optax.sgd(0.1), loss=squares)}), 2
    )
    for count, state in enumerate(states):
        assert set(state.collections) == {'counts'}
        assert state.collections['counts']['calls'] == count
        assert set(state.params) == {'Dense_0'}


class Dropped(nn.Module):
    """Nothing but dropout and one weight."""

    @nn.compact
    def __call__(self, x):
        """Drop half of the places."""
        w = self.param('w', nn.initializers.ones, ())
        return w * nn.Dropout(0.5, deterministic=False)(x)


def mask(net, batch, step):
    """Write the mask of 20 places as a number, exactly."""
    kept = net(jnp.ones(20)) > 0
    return 0.0, {'mask': (kept * 2.0 ** jnp.arange(20)).sum()}


def test_dropout_differs_by_step_and_player_and_repeats_with_the_key():
    players = {name: Player(optax.sgd(0.1), loss=mask) for name in ('a', 'b')}
    game = learner(Dropped(), players)

    def masks(key):
        _, history = train(game, 4, key=key)
        return [float(m[f'{player}/mask']) for m in history for player in 'ab']

    once = masks(KEY)
    assert len(set(once)) == 8
    assert masks(KEY) == once
    assert not set(masks(jax.random.key(1))) & set(once)


def test_a_bfloat16_net_keeps_parameters_and_statistics_in_float32():
    seen = []

    def loss(net, batch, step):
        outputs = net(batch['x'], train=True)
        seen.append(outputs.dtype)
        return jnp.mean(outputs), {'one': outputs[0, 0]}

    mixed = learner(
        Normalised(jnp.bfloat16), {'one': Player(optax.adam(0.1), loss=loss)}
    )
    states, history = train(mixed, 2)
    assert set(seen) == {jnp.dtype('bfloat16')}
    leaves = jax.tree.leaves((states[-1].params, states[-1].collections))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype('float32')}
    figures = {k: v.dtype for k, v in history[0].items() if k != 'one/finite'}
    assert set(figures.values()) == {jnp.dtype('float32')}
    assert history[0]['one/finite'].dtype == bool


@pytest.mark.heavy
def test_a_gradient_penalty_inside_a_loss():
    def penalty(net, batch, step):
        net(batch['x'], train=True)  # the one that moves the statistics
        gradient = jax.grad(lambda x: net(x, train=False).sum())(batch['x'])
        return jnp.mean((jnp.abs(gradient) - 1.0) ** 2), {}

    states, history = train(
        learner(Normalised(), {'one': Player(optax.adam(0.05), loss=penalty)}), 60
    )
    assert history[-1]['one/loss'] < 0.1 * history[0]['one/loss']
    assert differs(states[0].collections, states[1].collections)
    assert all(isinstance(x, np.ndarray) for x in jax.tree.leaves(states[-1]))


def test_the_step_is_traced_and_compiled_once():
    traces = []

    def annealed(net, batch, step):
        traces.append(step)
        weight = jnp.where(step < 2, 1.0, 0.0)
        return weight * squares(net, batch, step)[0], {'step': step}

    line = learner(
        nn.Dense(1), {'line': Player(optax.sgd(0.1), loss=annealed, every=2)}
    )
    init, update = compiled(line)
    state = init(KEY, BATCH)
    traces.clear()
    state, metrics = update(KEY, state, BATCH)
    once = len(traces)
    losses = [metrics['line/loss']]
    for _ in range(4):
        state, metrics = update(KEY, state, BATCH)
        losses.append(metrics['line/loss'])
    assert len(traces) == once and update._cache_size() == 1
    assert losses[0] > 0 and losses[2] == 0 and losses[4] == 0
    assert metrics['line/step'] == 4


def test_only_the_first_player_to_fail_in_an_update_is_to_blame():
    def bad(net, batch, step):
        value, _ = both(net, batch, step)
        return jnp.where(step == 1, jnp.inf, 1.0) * value, {}

    players = {
        'z': Player(optax.sgd(0.1), loss=bad, trains=('left',)),
        'a': Player(optax.sgd(0.1), loss=both, trains=('right',)),
    }
    _, history = train(learner(pair(), players), 2)
    assert history[0]['z/finite'] and history[0]['a/finite']
    assert not history[1]['z/finite']
    assert np.isnan(history[1]['a/loss']) and history[1]['a/finite']


def test_a_loss_that_is_no_scalar_is_refused():
    def vector(net, batch, step):
        return (net(batch['x']) - batch['y']) ** 2, {}

    wrong = learner(nn.Dense(1), {'one': Player(optax.sgd(0.1), loss=vector)})
    with pytest.raises(ValueError, match=r'shape \(8, 1\), wanted a scalar'):
        jax.eval_shape(wrong.init, KEY, BATCH)


def test_an_unknown_group_is_refused():
    player = Player(optax.sgd(0.1), loss=both, trains=('left', 'middle'))
    with pytest.raises(ValueError, match=r"'middle', but .* \['left', 'right'\]"):
        jax.eval_shape(learner(pair(), {'one': player}).init, KEY, BATCH)
    player = Player(optax.sgd(0.1), loss=both, trains=('left/weight',))
    with pytest.raises(ValueError, match=r"groups of 'left' are \['bias', 'kernel'\]"):
        jax.eval_shape(learner(pair(), {'one': player}).init, KEY, BATCH)


def test_a_learner_without_players_is_refused():
    with pytest.raises(ValueError, match='at least one player'):
        learner(nn.Dense(1), {})


@pytest.mark.parametrize(
    'settings,match',
    [
        ({}, 'exactly one'),
        ({'loss': squares, 'direction': squares}, 'exactly one'),
        ({'loss': squares, 'trains': 'left'}, r"\('left',\)"),
        ({'loss': squares, 'trains': ('a', 'a/b', 'ab')}, r"\['a', 'a/b'\]"),
        ({'loss': squares, 'every': 0}, 'every=0'),
        ({'loss': squares, 'during': (3, 3)}, 'during='),
        ({'loss': squares, 'during': (-1, 3)}, 'during='),
    ],
)
def test_a_wrong_player_is_refused(settings, match):
    with pytest.raises(ValueError, match=match):
        Player(optax.sgd(0.1), **settings)
