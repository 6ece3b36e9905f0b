"""A net behind the normalisation of its images."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import create_model, data
from dljax.models.fields import reconfigured
from dljax.models.standardised import Standardised


@pytest.mark.heavy
def test_images_are_normalised_by_channel_and_paths_are_those_of_the_net() -> None:
    images = np.random.default_rng(0).uniform(size=(5, 8, 8, 3)).astype(np.float32)
    fitted = data.z_score(images)
    net = create_model('tutorial_cnn', hidden=4, features=(2, 3))
    both = Standardised(net, fitted.offset, fitted.scale)
    variables = jax.jit(net.init)(jax.random.key(0), images)
    found = jax.jit(both.apply)(variables, images)
    wanted = jax.jit(net.apply)(variables, fitted(images))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    drawn = jax.eval_shape(both.init, jax.random.key(0), images)
    assert jax.tree.map(np.shape, drawn) == jax.tree.map(np.shape, variables)


def test_batch_statistics_and_dropout_reach_the_net() -> None:
    class Inner(nn.Module):
        """Batch norm and dropout."""

        @nn.compact
        def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
            """Normalise and drop."""
            x = nn.BatchNorm(use_running_average=not train, name='norm')(x)
            return nn.Dropout(0.5, deterministic=not train)(x)

    net = Standardised(Inner(), (0.5,), (0.25,))
    images = np.full((2, 4, 4, 1), 0.75, np.float32)
    variables = jax.jit(net.init)(jax.random.key(0), images)
    train = functools.partial(net.apply, train=True, mutable='batch_stats')
    rngs = {'dropout': jax.random.key(1)}
    _, moved = jax.jit(train)(variables, images, rngs=rngs)
    # Towards the mean of what the net sees, 1, by a hundredth of the way.
    np.testing.assert_allclose(moved['batch_stats']['norm']['mean'], 0.01, rtol=1e-5)


def test_the_precision_of_a_run_reaches_the_net() -> None:
    net = Standardised(nn.Dense(2), (0.5,), (0.25,))
    half = reconfigured(net, dtype=jnp.bfloat16)
    assert half.net.dtype == jnp.bfloat16
    init = half.init_with_output
    y, _ = jax.eval_shape(init, jax.random.key(0), np.ones((1, 2, 2, 1), np.float32))
    assert y.dtype == jnp.bfloat16


def test_a_large_offset_is_subtracted_to_its_last_digit() -> None:
    net = Standardised(nn.Sequential((jax.nn.identity,)), (98_765_432.3,), (3.0,))
    image = np.float32([98_765_424.0, 98_765_432.0]).reshape(1, 1, 2, 1)
    found = jax.jit(net.apply)({}, image).ravel()
    np.testing.assert_allclose(found, [-8.3 / 3, -0.1], rtol=1e-5)


@pytest.mark.parametrize(
    ('offset', 'scale'), [((0.0,), (0.0,)), ((0.0, 1.0), (1.0,)), ((), ())]
)
def test_numbers_that_do_not_normalise_are_refused(offset: tuple, scale: tuple) -> None:
    with pytest.raises(ValueError, match='the scales above 0'):
        Standardised(nn.Dense(1), offset, scale)


def test_another_number_of_channels_is_refused() -> None:
    net = Standardised(nn.Dense(1), (0.5,), (0.25,))
    with pytest.raises(ValueError, match='wanted 1 channels'):
        net.init(jax.random.key(0), np.ones((1, 2, 2, 3)))


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_integers_are_brought_to_the_unit_range_first(dtype: type) -> None:
    most = np.iinfo(dtype).max
    images = np.random.default_rng(0).integers(0, most, (2, 4, 4, 3), dtype)
    net = Standardised(nn.Dense(2), (0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    found, variables = jax.jit(net.init_with_output)(jax.random.key(0), images)
    wanted = jax.jit(net.apply)(variables, data.as_float(images))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_channels_are_reversed_for_nets_from_caffe() -> None:
    images = np.random.default_rng(0).uniform(size=(2, 4, 4, 3)).astype(np.float32)
    inner = nn.Dense(2)
    offset = tuple(mean / 255 for mean in (123.68, 116.779, 103.939))
    net = Standardised(inner, offset, (1 / 255,) * 3, reverse=True)
    found, variables = jax.jit(net.init_with_output)(jax.random.key(0), images)
    wanted = jax.jit(inner.apply)(variables, data.normalise_caffe(images))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-3)
