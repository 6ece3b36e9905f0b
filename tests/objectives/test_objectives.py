"""Objectives: each learns a small problem to a threshold out of chance's reach."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import zoo
from dljax.data import resident, together, truth_table
from dljax.layers import binary_step
from dljax.models.feedforward import MLP, Perceptron, RBFNetwork
from dljax.objectives import (
    classify,
    follow,
    perceptron,
    place_centres,
    predict,
    regress,
    score_classes,
    score_regression,
    side_by_side,
    solve_readout,
    within,
)
from dljax.training import Player, evaluate, fit, learner, reached
from dljax.types import Array, Key

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
RINGS = RNG.normal(size=(200, 2)).astype(np.float32)
RING_SET = {
    'features': RINGS,
    'label': (np.square(RINGS).sum(1) > 1.2).astype(np.int32),
}


class Pair(nn.Module):
    """Two nets side by side, as a two-player game or a comparison has them."""

    online: nn.Module
    target: nn.Module


def accuracy(net: nn.Module, state: object, arrays: dict) -> float:
    return evaluate(net, score_classes('features'), state, [arrays])['accuracy']


@pytest.mark.parametrize(
    'outputs',
    [
        pytest.param(1, marks=pytest.mark.heavy),
        pytest.param(2, marks=pytest.mark.exhaustive),
    ],
)
def test_classify_learns_a_ring_by_one_logit_or_two(outputs: int) -> None:
    net = MLP(hidden=(16,), outputs=outputs)
    train = learner(net, {'c': Player(optax.adam(0.05), loss=classify('features'))})
    state, history = fit(train, resident(RING_SET, 50), steps=300, key=KEY, chunk=100)
    assert accuracy(net, state, RING_SET) > 0.95
    assert history['c/loss'][-1] < history['c/loss'][0] / 2


@pytest.mark.heavy
def test_augmentation_is_drawn_anew_in_each_step_and_not_in_evaluation() -> None:
    drawn = []

    def shift(key: Key, x: Array) -> Array:
        noise = jax.random.normal(key, x.shape)
        jax.debug.callback(lambda n: drawn.append(np.asarray(n)), noise)
        return x + noise

    net = MLP(hidden=(), outputs=2)
    loss = classify('features', augment=shift)
    train = learner(net, {'c': Player(optax.sgd(0.1), loss=loss)})
    state, update = jax.jit(train.init)(KEY, RING_SET), jax.jit(train.update)
    for _ in range(3):
        state, _ = update(KEY, state, RING_SET)
    jax.effects_barrier()
    drawn = drawn[-3:]
    assert not np.allclose(drawn[0], drawn[1]) and not np.allclose(drawn[1], drawn[2])
    count = len(drawn)
    accuracy(net, state, RING_SET)
    assert len(drawn) == count


def test_label_smoothing_raises_the_loss_of_a_sure_answer() -> None:
    class Sure(nn.Module):
        def __call__(self, x: Array, *, train: bool) -> Array:
            return jnp.array([[20.0, -20.0]] * len(x))

    batch = {'features': np.ones((2, 1)), 'label': np.zeros(2, np.int32)}
    smoothed = classify('features', label_smoothing=0.1)
    plain = jax.jit(nn.apply(classify('features'), Sure()))({}, batch, 0)[0]
    smooth = jax.jit(nn.apply(smoothed, Sure()))({}, batch, 0)
    assert plain < 1e-6
    assert smooth[0] == pytest.approx(0.05 * 40, rel=1e-3)


def test_regress_finds_a_plane() -> None:
    wanted = RINGS @ np.array([2.0, -1.0], np.float32) + 0.5
    batch = {'features': RINGS, 'target': wanted}
    net = MLP(hidden=(), outputs=1)
    train = learner(net, {'r': Player(optax.sgd(0.3), loss=regress())})
    state, history = fit(train, resident(batch), steps=100, key=KEY, chunk=100)
    error = evaluate(net, score_regression(), state, [batch])['squared_error']
    assert error < 1e-8
    # half the squared error is the quadratic cost
    assert history['r/loss'][0] == pytest.approx(history['r/squared_error'][0] / 2)


def test_regress_refuses_targets_that_do_not_fit() -> None:
    train = learner(MLP(outputs=3), {'r': Player(optax.sgd(0.1), loss=regress())})
    batch = {'features': np.ones((4, 2)), 'target': np.ones(4)}
    with pytest.raises(ValueError, match=r'predicts \(4, 3\).*targets are \(4,\)'):
        jax.eval_shape(train.init, KEY, batch)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ('gate', 'learns'), [('and', True), ('or', True), ('xor', False)]
)
def test_the_perceptron_learns_what_a_line_separates(gate: str, learns: bool) -> None:
    table = truth_table(gate)
    player = Player(optax.sgd(0.1), direction=perceptron())
    train = learner(Perceptron(), {'p': player})
    state, _ = fit(train, resident(table, 1), steps=400, key=KEY, chunk=100)
    assert (accuracy(Perceptron(), state, table) == 1.0) == learns


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize('gate', ['and', 'or', 'nand'])
def test_a_perceptron_that_began_at_zero_fires_where_its_sum_is_at_least_zero(
    gate: str,
) -> None:
    # With this rate all sums are whole, and some of them exactly 0 at the end.
    table = truth_table(gate)
    train = learner(Perceptron(), {'p': Player(optax.sgd(1.0), direction=perceptron())})
    state, _ = fit(train, resident(table, 1), steps=100, key=KEY, chunk=100)
    variables = {'params': state.params}
    sums = jax.jit(Perceptron().apply)(variables, table['features'])
    fires = np.asarray(jax.jit(binary_step)(sums))[:, 0].astype(int)
    np.testing.assert_array_equal(fires, table['label'])
    assert accuracy(Perceptron(), state, table) == 1.0
    direct = jax.jit(nn.apply(perceptron(), Perceptron()))
    direction, found = direct(variables, table, 0)
    assert found['accuracy'] == 1.0
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(direction))


def test_a_sum_of_zero_is_a_mistake_for_the_first_class_alone() -> None:
    batch = {'features': np.eye(2, dtype=np.float32), 'label': np.array([0, 1])}
    zeros = {'kernel': np.zeros((2, 1), np.float32), 'bias': np.zeros(1, np.float32)}
    direct = jax.jit(nn.apply(perceptron(), Perceptron()))
    direction, found = direct({'params': zeros}, batch, 0)
    np.testing.assert_array_equal(direction['kernel'], [[1], [0]])
    assert found['accuracy'] == 0.5


@pytest.mark.exhaustive
def test_fixed_points_of_the_perceptron_stay() -> None:
    table = truth_table('and')
    train = learner(Perceptron(), {'p': Player(optax.sgd(0.1), direction=perceptron())})
    state, _ = fit(train, resident(table, 1), steps=400, key=KEY, chunk=100)
    later, _ = fit(train, resident(table), steps=5, key=KEY, state=state)
    np.testing.assert_array_equal(state.params['kernel'], later.params['kernel'])


@pytest.mark.heavy
def test_a_radial_net_is_placed_and_solved_without_a_gradient() -> None:
    net = RBFNetwork(units=20, outputs=2)
    players = {
        'centres': Player(
            optax.sgd(1.0), direction=place_centres(), trains=('radial',)
        ),
        'readout': Player(
            optax.sgd(1.0), direction=solve_readout(classes=2), trains=('output',)
        ),
    }
    state, history = fit(
        learner(net, players), resident(RING_SET), steps=15, key=KEY, chunk=15
    )
    assert accuracy(net, state, RING_SET) > 0.9
    distortion = history['centres/distortion']
    assert (np.diff(distortion) <= 1e-6).all() and distortion[-1] < 0.6 * distortion[0]


def test_the_unit_of_the_features_changes_no_radial_answer() -> None:
    net = RBFNetwork(units=5, outputs=1)

    @jax.jit
    def answer(features: Array) -> Array:
        params = net.init(KEY, features)['params']
        params['radial']['centres'] = features[:5]
        batch = {'features': features}
        moves, _ = nn.apply(place_centres(), net)({'params': params}, batch, 0)
        params['radial'] = jax.tree.map(
            lambda old, move: old - move, params['radial'], moves['radial']
        )
        return net.apply({'params': params}, features)

    answers = [answer(np.float32(unit) * RINGS[:50]) for unit in (1.0, 1e-6)]
    np.testing.assert_allclose(*answers, rtol=1e-3, atol=1e-4)


@pytest.mark.heavy
def test_a_solved_readout_is_a_fixed_point() -> None:
    wanted = RINGS @ np.array([[2.0], [-1.0]], np.float32)
    batch = {'features': RINGS, 'target': wanted}
    net = RBFNetwork(units=30, outputs=1)
    player = Player(
        optax.sgd(1.0), direction=solve_readout(ridge=1e-3), trains=('output',)
    )
    train = learner(net, {'r': player})
    _, history = fit(train, resident(batch), steps=2, key=KEY, chunk=2)
    assert history['r/gradient_norm'][1] < 1e-3 * history['r/gradient_norm'][0]


def test_the_follower_goes_a_fraction_of_the_way() -> None:
    net = Pair(nn.Dense(1), nn.Dense(1))

    def loss(net: Pair, batch: dict, step: Array) -> tuple[Array, dict]:
        return (net.online(batch['x']) ** 2).mean() + 0 * net.target(
            batch['x']
        ).sum(), {}

    players = {
        'online': Player(optax.sgd(0.1), loss=loss, trains=('online',)),
        'target': Player(
            optax.sgd(0.25), direction=follow('online'), trains=('target',)
        ),
    }
    train = learner(net, players)
    batch = {'x': np.ones((4, 2), np.float32)}
    before = jax.jit(train.init)(KEY, batch)
    after, _ = jax.jit(train.update)(KEY, before, batch)
    jax.tree.map(
        lambda t, o, a: np.testing.assert_allclose(
            a, np.asarray(t) + 0.25 * (np.asarray(o) - t), rtol=1e-6
        ),
        before.params['target'],
        after.params['online'],
        after.params['target'],
    )


@pytest.mark.heavy
def test_parts_side_by_side_learn_as_they_would_alone() -> None:
    net = Pair(MLP(hidden=(4,), outputs=2), MLP(hidden=(4,), outputs=2))

    def player(name: str, rate: float) -> Player:
        loss = within(name, classify('features'))
        return Player(optax.sgd(rate), loss=loss, trains=(name,))

    players = {'online': player('online', 0.5), 'target': player('target', 0.0)}
    source = together({'online': resident(RING_SET, 20), 'target': resident(RING_SET)})
    state, history = fit(learner(net, players), source, steps=60, key=KEY, chunk=20)
    assert history['online/loss'][-1] < history['online/loss'][0]
    np.testing.assert_allclose(history['target/loss'], history['target/loss'][0])
    scores = side_by_side({n: score_classes('features') for n in players})
    result = evaluate(net, scores, state, [RING_SET])
    assert result['online/accuracy'] > result['target/accuracy']


@pytest.mark.heavy
def test_together_draws_each_source_in_its_own_order() -> None:
    numbers = {'x': np.arange(12, dtype=np.float32)}
    source = together({'a': resident(numbers, 4), 'b': resident(numbers, 4)})
    position, batch = source.init(KEY)
    seen = {'a': [], 'b': []}
    for _ in range(3):
        position, batch = source.next(KEY, position, None)
        for name in seen:
            seen[name] += np.asarray(batch[name]['x']).tolist()
    assert sorted(seen['a']) == sorted(seen['b']) == numbers['x'].tolist()
    assert seen['a'] != seen['b']
    with pytest.raises(ValueError, match='wanted one or more'):
        together({})
    with pytest.raises(ValueError, match='all traced'):
        together({'a': source, 'b': source._replace(host=True)})


def test_predict_gives_logits_in_evaluation_mode() -> None:
    net = zoo.create_model('mlp', hidden=(50,), outputs=2, dropout=0.9)
    variables = jax.jit(net.init)(KEY, RINGS)
    logits = jax.jit(nn.apply(predict('features'), net))
    first, second = (logits(variables, RING_SET) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_training_stops_when_the_error_is_below_the_limit() -> None:
    net = Perceptron()
    train = learner(net, {'p': Player(optax.sgd(1.0), loss=classify('features'))})
    stop = reached('p/loss', 0.2)
    _, history = fit(
        train,
        resident(truth_table('or')),
        steps=1000,
        key=KEY,
        chunk=10,
        window=10,
        stop=stop,
    )
    losses = history['p/loss']
    assert 10 < len(losses) < 1000
    assert losses[-10:].mean() <= 0.2 < losses[-20:-10].mean()


@pytest.mark.heavy
def test_a_readout_over_time_is_solved_without_its_first_steps() -> None:
    class Delays(nn.Module):
        """Answers with each input and the one before."""

        def setup(self) -> None:
            self.output = nn.Dense(1)

        def hidden(self, x: Array) -> Array:
            return jnp.concatenate([x, jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]], 2)

        def __call__(self, x: Array, *, train: bool) -> Array:
            return self.output(self.hidden(x))

    x = RNG.normal(size=(2, 30, 1)).astype(np.float32)
    wanted = 3 * x[..., 0] - 2 * np.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1, 0] + 1
    wanted[:, :5] = 1e3  # what the washout hides
    batch = {'features': x, 'target': wanted}

    def after(washout: int) -> dict:
        rule = solve_readout(washout=washout)
        train = learner(Delays(), {'r': Player(optax.sgd(1.0), direction=rule)})
        form = jax.eval_shape(train.init, KEY, batch)
        state = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), form)
        return jax.jit(train.update)(KEY, state, batch)[0].params['output']

    found = after(5)
    np.testing.assert_allclose(found['kernel'][:, 0], [3, -2], atol=1e-4)
    np.testing.assert_allclose(found['bias'], [1], atol=1e-4)
    assert abs(after(4)['bias'][0] - 1) > 1
    with pytest.raises(ValueError, match='washout is 30, but the states have shape'):
        after(30)
    with pytest.raises(ValueError, match='washout is -1'):
        solve_readout(washout=-1)


def test_a_washout_without_a_sequence_is_refused() -> None:
    rule = solve_readout(washout=1)
    train = learner(
        RBFNetwork(outputs=1), {'r': Player(optax.sgd(1.0), direction=rule)}
    )
    with pytest.raises(ValueError, match='washout is 1'):
        batch = {'features': RINGS, 'target': RINGS[:, 0]}
        jax.eval_shape(train.init, KEY, batch)


def test_a_rule_acts_on_the_part_that_it_is_for() -> None:
    batch = {'features': RINGS, 'label': RING_SET['label']}
    net = Pair(Perceptron(), Perceptron())
    players = {
        name: Player(
            optax.sgd(rate), direction=within(name, perceptron()), trains=(name,)
        )
        for name, rate in (('online', 1.0), ('target', 0.0))
    }
    train = learner(net, players)
    before = jax.jit(train.init)(KEY, batch)
    after, _ = jax.jit(train.update)(KEY, before, batch)
    alone = learner(Perceptron(), {'p': Player(optax.sgd(1.0), direction=perceptron())})
    state = jax.jit(alone.init)(KEY, batch).replace(params=before.params['online'])
    wanted, _ = jax.jit(alone.update)(KEY, state, batch)
    jax.tree.map(np.testing.assert_array_equal, after.params['online'], wanted.params)
    jax.tree.map(
        np.testing.assert_array_equal, after.params['target'], before.params['target']
    )
