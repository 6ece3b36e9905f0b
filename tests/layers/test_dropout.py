"""Dropout in its forms (U2.5)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.layers import OriginalDropout, spatial_dropout

KEY = {'dropout': jax.random.key(0)}


def test_the_original_form_keeps_a_share_p_unscaled_in_training():
    x = jnp.full((200, 200), 3.0)
    y = OriginalDropout(keep=0.8).apply({}, x, train=True, rngs=KEY)
    assert set(np.unique(y)) == {0.0, 3.0}
    # Four standard deviations of the share among 40,000.
    assert abs((y > 0).mean() - 0.8) < 4 * np.sqrt(0.8 * 0.2 / 40_000)


def test_the_original_form_scales_by_p_at_inference_like_scaled_weights():
    x, kernel = jax.random.normal(jax.random.key(1), (4, 6)), jnp.ones((6, 2))
    y = OriginalDropout(keep=0.8).apply({}, x, train=False)
    np.testing.assert_allclose(y @ kernel, x @ (0.8 * kernel), rtol=1e-5, atol=1e-6)


def test_the_inverted_form_is_the_original_one_divided_by_p():
    x = jnp.arange(1.0, 101.0)[None, :]
    original = OriginalDropout(keep=0.5)
    inverted = nn.Dropout(0.5)
    for train in (True, False):
        a = original.apply({}, x, train=train, rngs=KEY)
        b = inverted.apply({}, x, deterministic=not train, rngs=KEY)
        np.testing.assert_allclose(a / 0.5, b, rtol=1e-6)


def test_each_form_has_the_same_mean_in_training_and_at_inference():
    x = jnp.ones((300, 300))
    for layer, arguments in (
        (OriginalDropout(keep=0.7), ({'train': True}, {'train': False})),
        (nn.Dropout(0.3), ({'deterministic': False}, {'deterministic': True})),
    ):
        means = [layer.apply({}, x, rngs=KEY, **a).mean() for a in arguments]
        np.testing.assert_allclose(means[0], means[1], atol=0.01)


def test_no_gradient_passes_a_dropped_unit():
    x = jnp.ones((1, 50))
    drop = OriginalDropout()
    y = drop.apply({}, x, train=True, rngs=KEY)
    slope = jax.grad(lambda x: drop.apply({}, x, train=True, rngs=KEY).sum())(x)
    np.testing.assert_array_equal(slope, y)


def test_another_key_drops_others_and_keeping_all_needs_no_key():
    x = jnp.ones((1, 100))
    masks = [
        OriginalDropout().apply({}, x, train=True, rngs={'dropout': jax.random.key(i)})
        for i in range(2)
    ]
    assert (masks[0] != masks[1]).any()
    np.testing.assert_array_equal(OriginalDropout(keep=1.0).apply({}, x, train=True), x)


def test_spatial_dropout_drops_whole_maps_of_each_example_by_itself():
    x = jnp.ones((20, 4, 5, 30))
    y = np.asarray(spatial_dropout(0.5).apply({}, x, deterministic=False, rngs=KEY))
    maps = y.transpose(0, 3, 1, 2).reshape(600, 20)
    assert (maps == maps[:, :1]).all() and set(np.unique(maps)) == {0.0, 2.0}
    assert (y[0, 0, 0] != y[1, 0, 0]).any()
    steps = spatial_dropout(0.5, rank=1)
    z = steps.apply({}, jnp.ones((2, 7, 9)), deterministic=False, rngs=KEY)
    assert (z == z[:, :1]).all() and (z == 0).any()


def test_the_original_form_may_drop_maps_too():
    drop = OriginalDropout(broadcast_dims=(1, -2))
    y = drop.apply({}, jnp.ones((2, 4, 5, 9)), train=True, rngs=KEY)
    assert (y == y[:, :1, :1]).all() and (y == 0).any()


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match='keep is 0'):
        OriginalDropout(keep=0)
    with pytest.raises(ValueError, match='rate is 1'):
        spatial_dropout(1)
    with pytest.raises(ValueError, match='rank is 0'):
        spatial_dropout(0.5, rank=0)
