"""Dropout in its forms (U2.5)."""

import functools

import jax
import numpy as np
import pytest
from flax import linen as nn

from dljax.layers import OriginalDropout, spatial_dropout
from dljax.types import Array

KEY = {'dropout': jax.random.key(0)}


def applied(layer: nn.Module, x: np.ndarray, rngs: dict = KEY, **mode: bool) -> Array:
    return jax.jit(functools.partial(layer.apply, **mode))({}, x, rngs=rngs)


def test_the_original_form_keeps_a_fraction_p_unscaled_in_training():
    x = np.full((200, 200), 3, np.float32)
    y = np.asarray(applied(OriginalDropout(keep=0.8), x, train=True))
    assert set(np.unique(y)) == {0.0, 3.0}
    # Four standard deviations of the fraction among 40,000.
    assert abs((y > 0).mean() - 0.8) < 4 * np.sqrt(0.8 * 0.2 / 40_000)


def test_the_original_form_scales_by_p_at_inference_like_scaled_weights():
    x = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    kernel = np.ones((6, 2), np.float32)
    y = np.asarray(OriginalDropout(keep=0.8).apply({}, x, train=False))
    np.testing.assert_allclose(y @ kernel, x @ (0.8 * kernel), rtol=1e-5, atol=1e-6)


def test_the_inverted_form_is_the_original_one_divided_by_p():
    x = np.arange(1, 101, dtype=np.float32)[None, :]
    original = OriginalDropout(keep=0.5)
    inverted = nn.Dropout(0.5)
    for train in (True, False):
        a = applied(original, x, train=train)
        b = applied(inverted, x, deterministic=not train)
        np.testing.assert_allclose(np.asarray(a) / 0.5, b, rtol=1e-6)


def test_each_form_has_the_same_mean_in_training_and_at_inference():
    x = np.ones((300, 300), np.float32)
    for layer, arguments in (
        (OriginalDropout(keep=0.7), ({'train': True}, {'train': False})),
        (nn.Dropout(0.3), ({'deterministic': False}, {'deterministic': True})),
    ):
        means = [np.mean(np.asarray(applied(layer, x, **a))) for a in arguments]
        np.testing.assert_allclose(means[0], means[1], atol=0.01)


def test_no_gradient_passes_a_dropped_unit():
    x = np.ones((1, 50), np.float32)

    def dropped(x: Array) -> tuple[Array, Array]:
        y = OriginalDropout().apply({}, x, train=True, rngs=KEY)
        return y.sum(), y

    gradient, y = jax.jit(jax.grad(dropped, has_aux=True))(x)
    np.testing.assert_array_equal(gradient, y)


def test_another_key_drops_others_and_keeping_all_needs_no_key():
    x = np.ones((1, 100), np.float32)
    drop = jax.jit(functools.partial(OriginalDropout().apply, train=True))
    masks = [
        np.asarray(drop({}, x, rngs={'dropout': jax.random.key(i)})) for i in range(2)
    ]
    assert (masks[0] != masks[1]).any()
    np.testing.assert_array_equal(OriginalDropout(keep=1.0).apply({}, x, train=True), x)


def test_spatial_dropout_drops_whole_maps_of_each_example_by_itself():
    x = np.ones((20, 4, 5, 30), np.float32)
    y = np.asarray(applied(spatial_dropout(0.5), x, deterministic=False))
    maps = y.transpose(0, 3, 1, 2).reshape(600, 20)
    assert (maps == maps[:, :1]).all() and set(np.unique(maps)) == {0.0, 2.0}
    assert (y[0, 0, 0] != y[1, 0, 0]).any()
    steps = spatial_dropout(0.5, rank=1)
    z = np.asarray(applied(steps, np.ones((2, 7, 9), np.float32), deterministic=False))
    assert (z == z[:, :1]).all() and (z == 0).any()


def test_the_original_form_may_drop_maps_too():
    drop = OriginalDropout(broadcast_dims=(1, -2))
    y = np.asarray(applied(drop, np.ones((2, 4, 5, 9), np.float32), train=True))
    assert (y == y[:, :1, :1]).all() and (y == 0).any()


def test_a_fraction_that_is_none_is_refused():
    with pytest.raises(ValueError, match='keep is 0'):
        OriginalDropout(keep=0)
    with pytest.raises(ValueError, match='rate is 1'):
        spatial_dropout(1)
    with pytest.raises(ValueError, match='rank is 0'):
        spatial_dropout(0.5, rank=0)
