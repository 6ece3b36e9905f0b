"""Forecasters of several channels: what they keep apart, and what they equal."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import create_model, zoo
from dljax.data import all_windows, resident, seasonal_columns, window_source
from dljax.layers import GRU, ReversibleNorm, SeasonalNaive
from dljax.models.attention import TransformerForecaster
from dljax.models.attention.transformer_forecaster import as_patches
from dljax.models.channels import EachChannel, Recursive, by_channel, fold_channels
from dljax.models.feedforward import DLinear, LinearForecaster, nlinear, split_trend
from dljax.models.recurrent import Autoregression, Forecaster
from dljax.objectives import (
    each_channel,
    on_all_windows,
    regress,
    score_forecast,
    solve_readout,
)
from dljax.training import Player, fit, learner
from dljax.types import PyTree

KEY = jax.random.key(0)
HISTORY = np.random.default_rng(0).normal(size=(2, 20, 3)).astype(np.float32)
SMALL = {'patch': 6, 'stride': 3, 'width': 4, 'layers': 1, 'heads': 2, 'hidden': 8}
REVERSIBLE = ReversibleNorm(affine=False)
NETS = {
    'linear_forecaster': LinearForecaster(4),
    'nlinear': nlinear(horizon=4),
    'dlinear': DLinear(4, window=5),
    'reversible': LinearForecaster(4, norm=ReversibleNorm()),
    'per channel': DLinear(4, per_channel=True, norm=REVERSIBLE),
    'transformer': TransformerForecaster(4, **SMALL),
    'segments': EachChannel(Forecaster(4, GRU(3), segment=5), REVERSIBLE),
    'recursive': Recursive(LinearForecaster(3), 7),
}
QUICK = {'linear_forecaster', 'nlinear', 'dlinear'}
EACH = [
    pytest.param(name, marks=[pytest.mark.heavy] * (name not in QUICK)) for name in NETS
]


def drawn(net: nn.Module, history: np.ndarray = HISTORY) -> PyTree:
    """Random parameters everywhere, also where a net begins at 0."""
    shapes = jax.eval_shape(net.init, KEY, history)
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: (0.3 * rng.normal(size=leaf.shape)).astype(np.float32), shapes
    )


@pytest.mark.parametrize('name', EACH)
def test_channels_do_not_mix(name: str) -> None:
    net = NETS[name]
    variables = drawn(net)

    def ahead(history: jax.Array) -> jax.Array:
        return (net.apply(variables, history)[:, :, 1] ** 2).sum()

    gradient = np.asarray(jax.jit(jax.grad(ahead))(HISTORY))
    assert np.abs(gradient[:, :, [0, 2]]).max() == 0.0
    assert (np.abs(gradient[:, -6:, 1]) > 0).any(1).all()


@pytest.mark.parametrize('name', EACH)
def test_examples_do_not_mix(name: str) -> None:
    net, variables = NETS[name], drawn(NETS[name])
    apply = jax.jit(net.apply)
    whole, alone = apply(variables, HISTORY), apply(variables, HISTORY[1:])
    np.testing.assert_allclose(whole[1:], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    'name',
    [
        'nlinear',
        *(
            pytest.param(name, marks=pytest.mark.heavy)
            for name in ('transformer', 'segments')
        ),
    ],
)
def test_what_is_added_to_a_channel_is_added_to_its_forecast(name: str) -> None:
    net, shift = NETS[name], np.float32([0, 10, -50])
    apply, variables = jax.jit(net.apply), drawn(net)
    low, high = apply(variables, HISTORY), apply(variables, HISTORY + shift)
    wanted = np.broadcast_to(shift, low.shape)
    np.testing.assert_allclose(high - low, wanted, atol=2e-3)
    assert np.abs(np.asarray(low) - HISTORY[:, -1:]).max() > 0.1


def test_without_a_norm_the_level_is_not_added() -> None:
    net = NETS['linear_forecaster']
    variables = drawn(net)
    low, high = (net.apply(variables, HISTORY + shift) for shift in (0, 10))
    assert np.abs(high - low - 10).max() > 0.1


@pytest.mark.parametrize('window', [1, 2, 5, 25, 60])
def test_the_trend_and_the_rest_sum_to_the_series(window: int) -> None:
    trend, rest = split_trend(jnp.asarray(HISTORY), window)
    np.testing.assert_allclose(trend + rest, HISTORY, atol=1e-6)
    before = (window - 1) // 2
    edges = ((0, 0), (before, window - 1 - before), (0, 0))
    padded = np.pad(HISTORY, edges, mode='edge')
    wanted = np.stack([padded[:, t : t + window].mean(1) for t in range(20)], axis=1)
    np.testing.assert_allclose(trend, wanted, atol=1e-5)


def test_dlinear_is_the_sum_of_two_linear_forecasts() -> None:
    net = NETS['dlinear']
    variables = drawn(net)
    trend, rest = split_trend(jnp.asarray(HISTORY), 5)
    one = LinearForecaster(4)
    parts = (
        one.apply({'params': {'output': variables['params'][name]}}, part)
        for name, part in (('trend', trend), ('rest', rest))
    )
    got = net.apply(variables, HISTORY)
    np.testing.assert_allclose(got, sum(parts), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('horizon', [2, 3, 7, 45])
def test_a_recursive_forecast_equals_a_plain_loop(horizon: int) -> None:
    inner = nlinear(horizon=3)
    net = Recursive(inner, horizon)
    variables = drawn(net)
    assert sorted(variables['params']) == ['net']
    own = {'params': variables['params']['net']}
    seen = HISTORY
    for _ in range(-(-horizon // 3)):
        seen = np.concatenate([seen, inner.apply(own, seen[:, -20:])], axis=1)
    got = jax.jit(net.apply)(variables, HISTORY)
    wanted = seen[:, 20 : 20 + horizon]
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_a_net_that_predicts_more_than_it_reads_goes_on_as_well() -> None:
    naive = EachChannel(SeasonalNaive(5, season=2))
    got = Recursive(naive, 12).apply({}, HISTORY[:, :3])
    season = HISTORY[:, 1:3]
    wanted = np.concatenate([np.tile(season, (1, 2, 1)), season[:, :1]], axis=1)
    # What it has forecast last is its next history.
    again = wanted[:, -2:]
    np.testing.assert_array_equal(got[:, :5], wanted)
    np.testing.assert_array_equal(got[:, 5:7], again)


@pytest.mark.heavy
def test_the_dropout_of_a_recursive_net_is_drawn_anew_each_time() -> None:
    net = Recursive(TransformerForecaster(3, dropout=0.5, **SMALL), 9)
    variables = drawn(net)
    apply = jax.jit(functools.partial(net.apply, train=True))
    first, second = (
        apply(variables, HISTORY, rngs={'dropout': jax.random.key(n)}) for n in (0, 1)
    )
    assert np.abs(first - second).max() > 1e-3


def test_each_channel_gives_what_the_net_gives_of_each() -> None:
    net = Autoregression(4)
    own = drawn(net, HISTORY[:, :, :1])
    got = EachChannel(net).apply({'params': {'net': own['params']}}, HISTORY)
    for channel in range(3):
        alone = net.apply(own, HISTORY[:, :, channel : channel + 1])
        np.testing.assert_allclose(got[:, :, channel], alone, rtol=1e-4, atol=1e-5)
    folded = fold_channels(HISTORY)
    np.testing.assert_array_equal(by_channel(folded[..., 0], 3), HISTORY)


@pytest.mark.parametrize('norm', [None, REVERSIBLE, ReversibleNorm()])
def test_examples_of_the_net_are_normalised_as_it_forecasts(
    norm: ReversibleNorm | None,
) -> None:
    net = EachChannel(Autoregression(4), norm)
    variables = drawn(net)
    target = HISTORY[:, 4:8] + 1
    batch = net.apply(variables, HISTORY, target, method='examples')
    assert batch['history'].shape == (6, 20, 1) and batch['target'].shape == (6, 4)
    inner = {'params': variables['params']['net']}
    # An error of the net is that of its forecast, in the units of the window.
    ahead = by_channel(Autoregression(4).apply(inner, batch['history']), 3)
    missed = net.apply(variables, HISTORY) - target
    inside = ahead - by_channel(batch['target'], 3)
    if norm is not None and norm.affine:
        inside = np.asarray(inside) / variables['params']['norm']['scale']
    wide = HISTORY.std(1, keepdims=True) if norm else 1.0
    np.testing.assert_allclose(inside * wide, missed, rtol=1e-2, atol=1e-3)


@pytest.mark.heavy
def test_the_ridge_shared_by_the_channels_is_that_of_numpy() -> None:
    series = seasonal_columns(0, 120, 3).astype(np.float32)
    norm = ReversibleNorm('last', scaled=False, affine=False)
    net = EachChannel(Autoregression(3), norm)
    rule = each_channel(solve_readout('history', ridge=10.0))
    player = Player(optax.sgd(1.0), direction=on_all_windows(rule, 12, 3))
    source = resident({'series': series[None]})
    state, _ = fit(learner(net, {'ridge': player}), source, steps=1, key=KEY)
    given, truth = all_windows(series.astype(np.float64), 12, 3).values()
    last = given[:, -1:]
    x, y = (np.moveaxis(v - last, 1, 2).reshape(-1, v.shape[1]) for v in (given, truth))
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = x - x_mean, y - y_mean
    kernel = np.linalg.solve(x.T @ x + 10 * np.eye(12), x.T @ y)
    got = state.params['net']['output']
    np.testing.assert_allclose(got['kernel'], kernel, atol=1e-4)
    np.testing.assert_allclose(got['bias'], y_mean - x_mean @ kernel, atol=1e-4)


@pytest.mark.heavy
@pytest.mark.parametrize('net', [nlinear(horizon=6), TransformerForecaster(6, **SMALL)])
def test_a_net_of_several_channels_learns_beyond_the_naive_forecast(
    net: nn.Module,
) -> None:
    series = seasonal_columns(0, 1200, 3, noise=0.1)
    series = ((series - series.mean(0)) / series.std(0)).astype(np.float32)
    source = window_source(series[:900], 48, 6, 32)
    player = Player(optax.adam(5e-3), loss=regress('history'))
    train = learner(net, {'net': player})
    state, _ = fit(train, source, steps=300, key=KEY, chunk=100)
    given, truth = all_windows(series[900:], 48, 6).values()
    got = jax.jit(net.apply)({'params': state.params}, given)
    naive = np.square(given[:, -1:] - truth).mean()
    assert np.square(got - truth).mean() < 0.4 * naive


def test_the_transformer_has_the_parameters_of_its_parts() -> None:
    for channels in (1, 7):
        history = jax.ShapeDtypeStruct((2, 336, channels), jnp.float32)
        made = jax.eval_shape(TransformerForecaster().init, KEY, history)['params']
        sizes = {
            name: sum(leaf.size for leaf in jax.tree.leaves(part))
            for name, part in made.items()
        }
        assert sizes == {
            'patches': 16 * 128 + 128,
            'positions': 42 * 128,
            'encoder': 3 * (4 * (128**2 + 128) + 2 * 128 * 256 + 256 + 128 + 512) + 256,
            'output': 42 * 128 * 96 + 96,
        }
        assert sum(sizes.values()) == zoo.row('transformer_forecaster').parameters


def test_patches_reach_to_the_end_and_one_beyond() -> None:
    series = jnp.arange(336.0)[None]
    patches = np.asarray(as_patches(series, 16, 8))
    assert patches.shape == (1, 42, 16)
    np.testing.assert_array_equal(patches[0, 1], np.arange(8, 24))
    np.testing.assert_array_equal(patches[0, -1], [*range(328, 336), *[335] * 8])
    # Of 20 values in patches of 6, 3 apart, the last two values are in the last one.
    np.testing.assert_array_equal(
        as_patches(jnp.arange(20)[None], 6, 3)[0, -1], [15, 16, 17, 18, 19, 19]
    )


def test_scores_are_means_over_steps_and_channels() -> None:
    batch = {'history': HISTORY, 'target': HISTORY[:, :5] + 2}
    net = EachChannel(SeasonalNaive(5))
    scores = nn.apply(score_forecast(scale=4.0), net)({}, batch, 0)
    missed = HISTORY[:, -1:] - batch['target']
    absolute = np.abs(missed).mean((1, 2))
    np.testing.assert_allclose(scores['absolute_error'], absolute, rtol=1e-5)
    np.testing.assert_allclose(scores['scaled_error'], absolute / 4, rtol=1e-5)
    squared = np.square(missed).mean((1, 2))
    np.testing.assert_allclose(scores['squared_error'], squared, rtol=1e-5)


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: LinearForecaster(0), 'horizon is 0'),
        (lambda: DLinear(window=0), 'window is 0'),
        (lambda: Recursive(LinearForecaster(), 0), 'horizon is 0'),
        (lambda: create_model('transformer_forecaster', stride=0), 'stride is 0'),
        (lambda: TransformerForecaster(width=10, heads=4), 'width is 10 and heads 4'),
        (lambda: TransformerForecaster(dropout=1.0), 'dropout is 1.0'),
        (
            lambda: TransformerForecaster(patch=24).init(KEY, HISTORY),
            r'wanted \[batch, time, channel\] of 24 steps or more',
        ),
        (lambda: LinearForecaster().init(KEY, HISTORY[0]), r'\[batch, time, channel'),
    ],
)
def test_a_wrong_setting_or_history_is_named(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
