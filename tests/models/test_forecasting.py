"""The recurrent networks beyond what every row of the zoo passes."""

import functools

import jax
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import all_windows, mackey_glass, resident, window_source
from dljax.layers import GRU, SeasonalNaive
from dljax.models.recurrent import Autoregression, EchoStateNetwork, Forecaster
from dljax.objectives import (
    regress,
    score_forecast,
    score_free_run,
    solve_readout,
)
from dljax.training import Player, evaluate, fit, learner

KEY = jax.random.key(0)
normal = nn.initializers.normal(1.0)
CELL = GRU(8, recurrent_init=nn.initializers.normal(0.3))
WAVE = np.sin(0.3 * np.arange(400, dtype=np.float32))[:, None]


def solved(net: EchoStateNetwork, series: np.ndarray, **settings: float):
    """The net that has learned to predict the next value, in one update."""
    pairs = {'history': series[None, :-1], 'target': series[None, 1:]}
    rule = solve_readout('history', washout=50, **settings)
    player = Player(optax.sgd(1.0), direction=rule, trains=('output',))
    return fit(learner(net, {'readout': player}), resident(pairs), steps=1, key=KEY)


@pytest.mark.heavy
def test_a_free_run_equals_one_that_feeds_itself_by_hand() -> None:
    net = EchoStateNetwork(features=20)
    variables = jax.jit(net.init)(KEY, WAVE[None, :30])
    heard = np.pad(WAVE[None, :30], ((0, 0), (0, 4), (0, 0)))
    answer = jax.jit(net.apply)
    for time in range(30, 34):  # an answer knows nothing of what comes behind it
        heard[:, time] = answer(variables, heard)[:, time - 1]
    generate = functools.partial(net.apply, method='generate')
    run = jax.jit(generate, static_argnums=2)(variables, WAVE[None, :30], 4)
    np.testing.assert_allclose(run, heard[:, 30:], atol=1e-6)


@pytest.mark.heavy
def test_the_readout_is_solved_and_the_reservoir_stays() -> None:
    net = EchoStateNetwork(features=50)
    pairs = {'history': WAVE[None, :-1], 'target': WAVE[None, 1:]}
    rule = solve_readout('history', washout=50, ridge=1e-6)
    player = Player(optax.sgd(1.0), direction=rule, trains=('output',))
    train = learner(net, {'readout': player})
    before = jax.jit(train.init)(KEY, pairs)
    state, metrics = jax.jit(train.update)(KEY, before, pairs)
    assert metrics['readout/squared_error'] < 1e-6
    assert list(state.params) == ['output']
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
        state.collections,
        before.collections,
    )


@pytest.mark.heavy
def test_the_mackey_glass_series_is_predicted_freely_beyond_chance() -> None:
    series = mackey_glass(3000).astype(np.float32)[:, None]
    series = (series - series.mean()) / series.std()
    net = EchoStateNetwork(features=150, leak=0.5)
    state, _ = solved(net, series[:2000], ridge=1e-7)
    pieces = np.stack([series[i : i + 384] for i in range(2000, 2600, 20)])
    test = {'history': pieces[:, :300], 'target': pieces[:, 300:]}
    error = evaluate(net, score_free_run(), state, [test])
    # 1 is the error of the mean; a straight continuation is worse.
    assert error['squared_error_1'] < 1e-5
    assert error['squared_error_84'] < 0.01


def test_a_run_that_cannot_feed_itself_is_refused() -> None:
    net = EchoStateNetwork(features=5, outputs=2)
    variables = jax.eval_shape(net.init, KEY, WAVE[None, :3])
    with pytest.raises(ValueError, match='1 inputs meet 2 outputs'):
        net.apply(variables, WAVE[None, :3], 3, method='generate')
    with pytest.raises(ValueError, match='steps is 0'):
        net.apply(variables, np.ones((1, 3, 2)), 0, method='generate')
    with pytest.raises(ValueError, match='outputs is 0'):
        EchoStateNetwork(outputs=0)


def test_naive_forecasts_repeat_the_last_season() -> None:
    history = np.array([[[5.0], [1.0], [2.0], [3.0]], [[9.0], [4.0], [6.0], [8.0]]])
    for season, wanted in (
        (1, [[3, 3, 3, 3, 3], [8, 8, 8, 8, 8]]),
        (2, [[2, 3, 2, 3, 2], [6, 8, 6, 8, 6]]),
        (3, [[1, 2, 3, 1, 2], [4, 6, 8, 4, 6]]),
    ):
        got = SeasonalNaive(5, season).apply({}, history)
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(
        SeasonalNaive(2, 4).apply({}, history), [[5, 1], [9, 4]]
    )
    with pytest.raises(ValueError, match='4 steps does not hold a season of 5'):
        SeasonalNaive(5, 5).apply({}, history)
    with pytest.raises(ValueError, match='season 0'):
        SeasonalNaive(5, 0)


@pytest.mark.heavy
def test_the_linear_forecast_is_the_least_squares_one_of_each_step() -> None:
    series = np.random.default_rng(0).normal(size=300).cumsum().astype(np.float32)
    net, windows = Autoregression(horizon=3), all_windows(series, 5, 3)
    player = Player(optax.sgd(1.0), direction=solve_readout('history'))
    train = learner(net, {'linear': player})
    state, _ = fit(train, window_source(series, 5, 3), steps=1, key=KEY)
    inputs = np.c_[windows['history'][..., 0], np.ones(len(windows['target']))]
    wanted = np.linalg.lstsq(inputs.astype(np.float64), windows['target'])[0]
    got = jax.jit(net.apply)({'params': state.params}, windows['history'])
    np.testing.assert_allclose(got, inputs @ wanted, atol=1e-3)


@pytest.mark.heavy
def test_a_forecast_moves_with_the_level_of_its_history() -> None:
    net = Forecaster(horizon=4, cell=CELL, segment=3, kernel_init=normal)
    history = np.random.default_rng(0).normal(size=(2, 10, 1)).astype(np.float32)
    variables, forecast = jax.jit(net.init)(KEY, history), jax.jit(net.apply)
    low, high = (
        np.asarray(forecast(variables, history + np.float32(shift)))
        for shift in (0.0, 50.0)
    )
    np.testing.assert_allclose(high - low, np.full((2, 4), 50.0), atol=1e-3)
    assert np.abs(low - history[:, -1]).max() > 0.1
    fresh = Forecaster(horizon=4, cell=CELL, segment=3)
    start, _ = jax.jit(fresh.init_with_output)(KEY, history)
    np.testing.assert_array_equal(start, np.repeat(history[:, -1], 4, axis=1))


@pytest.mark.heavy
def test_the_layers_read_whole_segments_up_to_the_end() -> None:
    net = Forecaster(cell=CELL, segment=4, highway=False, kernel_init=normal)
    history = np.random.default_rng(0).normal(size=(1, 10, 1)).astype(np.float32)
    variables, forecast = jax.jit(net.init)(KEY, history), jax.jit(net.apply)
    kernel = variables['params']['encoder']['forward_0']['kernel']
    assert kernel.shape == (4, 24) and 'highway' not in variables['params']
    before = np.asarray(forecast(variables, history))

    def changed(place: int) -> float:
        other = history.copy()
        other[0, place] += 1
        return float(np.abs(forecast(variables, other) - before).max())

    assert changed(0) == changed(1) == 0.0  # before the last two whole segments
    assert min(changed(place) for place in range(2, 9)) > 1e-4


@pytest.mark.heavy
def test_the_forecaster_learns_what_no_linear_forecast_can() -> None:
    # The next value is the square of the one before: a logistic map, chaotic.
    series = [0.3]
    for _ in range(1500):
        series.append(3.9 * series[-1] * (1 - series[-1]))
    series = (np.float32(series) - 0.5) * 3
    net = Forecaster(horizon=1, cell=GRU(16), segment=1)
    source = window_source(series[:1000], 3, 1, 64)
    player = Player(optax.adam(1e-2), loss=regress('history'))
    train = learner(net, {'net': player})
    state, _ = fit(train, source, steps=600, key=KEY, chunk=100)
    test = all_windows(series[1000:], 3, 1)
    error = evaluate(net, score_forecast(), state, [test])['squared_error']
    inputs = np.c_[test['history'][..., 0], np.ones(len(test['target']))]
    linear = np.linalg.lstsq(inputs, test['target'])[1] / len(inputs)
    assert error < 0.05 * linear[0]


def test_scores_come_in_the_units_of_the_series() -> None:
    net = SeasonalNaive(2)
    batch = {'history': np.ones((3, 4, 1)), 'target': np.array([[2.0, 4.0]] * 3)}
    scores = nn.apply(score_forecast(unit=10.0, scale=4.0), net)({}, batch, 0)
    np.testing.assert_allclose(scores['absolute_error'], [20.0] * 3)
    np.testing.assert_allclose(scores['squared_error'], [500.0] * 3)
    np.testing.assert_allclose(scores['scaled_error'], [0.5] * 3)


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: Forecaster(horizon=0), 'horizon is 0'),
        (lambda: Forecaster(segment=0), 'segment is 0'),
        (lambda: Forecaster(dropout=1.0), 'dropout is 1.0'),
        (lambda: Autoregression(horizon=0), 'horizon is 0'),
        (lambda: Forecaster().init(KEY, np.ones((2, 6, 1))), 'hold a segment of 12'),
        (lambda: Forecaster().init(KEY, np.ones((2, 24, 3))), r'\[batch, time, 1\]'),
    ],
)
def test_a_wrong_setting_or_history_is_named(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
