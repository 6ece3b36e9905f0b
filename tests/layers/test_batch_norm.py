"""Batch normalisation: Linen's numbers, by another way."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.layers import BatchNorm, NormalisedConv, batch_norm
from dljax.types import Array, PyTree


def moved(layer: nn.Module, x: Array, weight: Array) -> PyTree:
    """Outputs, statistics after them, and gradients, in the midst of a training."""
    variables = {
        'params': {'scale': np.float32([0.5, 2, 1]), 'bias': np.float32([0, 1, 2])},
        'batch_stats': {'mean': np.float32([0, 3, -1]), 'var': np.float32([1, 2, 3])},
    }

    def loss(params: PyTree, x: Array) -> tuple[Array, PyTree]:
        given = {**variables, 'params': params}
        y, after = layer.apply(given, x, mutable='batch_stats')
        return (nn.relu(y) * weight).sum(), (y, after)

    gradient = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
    return gradient(variables['params'], x)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('average', [False, True])
@pytest.mark.parametrize('shape', [(4, 5, 6, 3), (7, 3), (2, 9, 3)])
def test_it_computes_what_linen_does(shape: tuple[int, ...], average: bool) -> None:
    x, weight = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    settings = {'use_running_average': average, 'momentum': 0.9, 'epsilon': 1e-5}
    ours = moved(BatchNorm(**settings), x, weight)
    linen = moved(nn.BatchNorm(**settings, use_fast_variance=False), x, weight)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-5), ours, linen
    )


@pytest.mark.parametrize('unbiased', [True, False])
def test_the_running_variance_is_that_of_flax_or_of_torch(unbiased: bool) -> None:
    net = NormalisedConv(
        3, normalise=functools.partial(batch_norm, unbiased=unbiased, momentum=0.75)
    )
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    conv = net.clone(normalise=None, activation=jax.nn.identity)

    @jax.jit
    def both(key: Array) -> tuple:
        variables = net.init(key, x)
        alone = conv.apply({'params': {'conv': variables['params']['conv']}}, x)
        return alone, net.apply(variables, x, train=True, mutable='batch_stats')

    maps, (y, after) = both(jax.random.key(1))
    maps = np.asarray(maps)
    # torch's formula: Σ(x - μ)² / (n - 1) for the eight places of a channel.
    squares = np.square(maps - maps.mean((0, 1, 2), keepdims=True)).sum((0, 1, 2))
    wanted = 0.75 + 0.25 * squares / (7 if unbiased else 8)
    np.testing.assert_allclose(after['batch_stats']['norm']['var'], wanted, rtol=1e-5)
    centred = maps - maps.mean((0, 1, 2), keepdims=True)
    divided = np.maximum(centred / np.sqrt(squares / 8 + 1e-5), 0)
    np.testing.assert_allclose(y, divided, atol=1e-5)


def test_one_value_a_channel_has_no_unbiased_variance() -> None:
    layer = BatchNorm(False, unbiased=True)
    x = np.ones((1, 3), np.float32)
    variables = jax.eval_shape(layer.init, jax.random.key(0), x)
    with pytest.raises(ValueError, match='one value a channel'):
        jax.eval_shape(lambda v: layer.apply(v, x, mutable='batch_stats'), variables)


def test_parameters_and_averages_have_linens_names_and_forms() -> None:
    x = np.ones((2, 4, 3), np.float32)
    ours, linen = (
        jax.eval_shape(layer(use_running_average=False).init, jax.random.key(0), x)
        for layer in (BatchNorm, nn.BatchNorm)
    )
    assert ours == linen


def test_no_digits_are_lost_where_the_mean_is_large() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(1000.0, 1.0, (512, 16, 1)).astype(np.float32)
    init = jax.jit(BatchNorm(False, epsilon=0.0).init_with_output)
    y, _ = init(jax.random.key(0), x)
    exact = x.astype(np.float64)
    wanted = (exact - exact.mean((0, 1))) / exact.std((0, 1))
    np.testing.assert_allclose(y, wanted, atol=2e-3)


@pytest.mark.parametrize('given', ['bfloat16', 'float32'])
def test_half_precision_has_statistics_of_single_precision(given: str) -> None:
    x = np.random.default_rng(0).normal(size=(64, 8, 3)).astype(given)
    layer = BatchNorm(False, dtype=jnp.bfloat16)
    y, variables = jax.jit(layer.init_with_output)(jax.random.key(0), x)
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype.name for leaf in jax.tree.leaves(variables)} == {'float32'}
    init = jax.jit(BatchNorm(False).init_with_output)
    wanted, _ = init(jax.random.key(0), x.astype('float32'))
    np.testing.assert_allclose(np.float32(y), wanted, atol=0.02)


@pytest.mark.parametrize('unbiased', [False, True])
def test_an_axis_shares_statistics(unbiased: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, 8, 3)).astype(np.float32)
    variables = jax.jit(BatchNorm(False).init)(jax.random.key(0), x[0])

    def apply(axis: str | None, x: Array) -> PyTree:
        layer = BatchNorm(False, unbiased=unbiased, axis_name=axis)
        return layer.apply(variables, x, mutable='batch_stats')

    mapped = jax.vmap(functools.partial(apply, 'data'), axis_name='data')
    y, after = jax.jit(mapped)(x)
    whole, once = jax.jit(functools.partial(apply, None))(x.reshape(16, 3))
    np.testing.assert_allclose(y.reshape(16, 3), whole, atol=1e-6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, np.stack([b, b]), atol=1e-6),
        after,
        once,
    )
