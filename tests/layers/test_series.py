"""Layers of series: reversible normalisation, dense layers along the time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dljax.layers import ReversibleNorm, TimeDense

DRAW = np.random.default_rng(0)
WINDOW = (50 + 3 * DRAW.normal(size=(3, 20, 2))).astype(np.float32)
LEARNED = {'params': {'scale': np.float32([2, -0.5]), 'shift': np.float32([1, -3])}}


@pytest.mark.parametrize('centre', ['mean', 'last'])
@pytest.mark.parametrize('scaled', [True, False])
def test_a_window_is_normalised_and_restored(centre: str, scaled: bool) -> None:
    layer = ReversibleNorm(centre, scaled=scaled)
    normal, scaling = layer.apply(LEARNED, WINDOW)
    about = WINDOW.mean(1, keepdims=True) if centre == 'mean' else WINDOW[:, -1:]
    wide = np.sqrt(WINDOW.var(1, keepdims=True) + 1e-5) if scaled else 1.0
    wanted = (WINDOW - about) / wide * [2, -0.5] + [1, -3]
    np.testing.assert_allclose(normal, wanted, atol=1e-4)
    np.testing.assert_allclose(scaling.restore(normal), WINDOW, atol=1e-5)
    # A forecast is as long as it likes.
    np.testing.assert_allclose(scaling.restore(normal[:, :7]), WINDOW[:, :7], atol=1e-5)


def test_a_constant_window_far_from_0_stays_finite_and_comes_back() -> None:
    window = np.full((1, 9, 1), 1e6, np.float32)
    layer = ReversibleNorm(affine=False)
    normal, scaling = layer.apply({}, window)
    np.testing.assert_array_equal(normal, np.zeros((1, 9, 1)))
    np.testing.assert_array_equal(scaling.restore(normal), window)


def test_statistics_of_bfloat16_are_float32() -> None:
    window = jnp.asarray(WINDOW, jnp.bfloat16)
    normal, scaling = ReversibleNorm(affine=False).apply({}, window)
    assert normal.dtype == jnp.bfloat16
    exact = np.asarray(window, np.float32)
    assert {values.dtype.name for values in scaling} == {'float32'}
    np.testing.assert_allclose(scaling.offset[:, 0], exact.mean(1), rtol=1e-5)


def test_the_gradients_of_the_norm_are_those_of_finite_differences() -> None:
    def around(params: dict, window: np.ndarray) -> jax.Array:
        normal, scaling = ReversibleNorm().apply(params, window)
        return scaling.restore(jnp.tanh(normal))

    window = (WINDOW[:1, :4] - 50) / 3
    check_grads(jax.jit(around), (LEARNED, window), 1, modes=['rev'], eps=1e-2)


@pytest.mark.parametrize('per_channel', [False, True])
def test_a_dense_layer_along_the_time_is_a_product_of_each_channel(
    per_channel: bool,
) -> None:
    layer = TimeDense(4, per_channel)
    _, variables = layer.init_with_output(jax.random.key(0), WINDOW)
    shapes = jax.tree.map(jnp.shape, variables['params'])
    kernel, bias = (DRAW.normal(size=shapes[name]) for name in ('kernel', 'bias'))
    got = layer.apply({'params': {'kernel': kernel, 'bias': bias}}, WINDOW)
    for channel in range(2):
        w, b = (kernel[channel], bias[channel]) if per_channel else (kernel, bias)
        wanted = WINDOW[..., channel] @ w + b
        np.testing.assert_allclose(got[..., channel], wanted, rtol=1e-4, atol=1e-3)


def test_sets_of_weights_are_drawn_as_wide_as_one() -> None:
    series = jnp.zeros((1, 100, 16))
    one, many = (
        TimeDense(50, own).init(jax.random.key(0), series)['params']['kernel']
        for own in (False, True)
    )
    assert many.shape == (16, 100, 50)
    assert float(many.std()) == pytest.approx(float(one.std()), rel=0.05)
    assert float(one.std()) == pytest.approx(0.1, rel=0.05)
    assert np.abs(many[0] - many[1]).max() > 0.1


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: ReversibleNorm('median'), "centre is 'median', wanted mean or last"),
        (lambda: ReversibleNorm(epsilon=0.0), 'epsilon is 0.0'),
        (lambda: ReversibleNorm().apply({}, WINDOW[0]), r'wanted \[batch, time, chan'),
        (lambda: TimeDense(0), 'steps is 0'),
        (lambda: TimeDense(2).apply({}, WINDOW[0]), r'wanted \[batch, time, channel'),
    ],
)
def test_a_wrong_setting_or_window_is_named(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
