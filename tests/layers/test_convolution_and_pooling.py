"""Convolution and pooling (U2.1, U2.2), subsampling and sparse connections."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.test_util import check_grads

from dljax import layers


def picture(rows: str) -> jax.Array:
    digits = [[float(digit) for digit in row] for row in rows.split('/')]
    return jnp.array(digits)[None, :, :, None]


def test_the_convolution_of_the_course():
    image, kernel = picture('11100/01110/00111/00110/01100'), picture('101/010/101')
    layer = nn.Conv(1, (3, 3), padding='VALID', use_bias=False)
    variables = {'params': {'kernel': kernel[0][..., None]}}
    got = layer.apply(variables, image)
    np.testing.assert_array_equal(got, picture('434/243/234'))


def test_the_maximum_pooling_of_the_course():
    image = picture('33210/00131/31223/20022/20001')
    got = nn.max_pool(image, (3, 3), strides=(1, 1))
    np.testing.assert_array_equal(got, picture('333/333/323'))


@pytest.mark.parametrize('padding', ['VALID', 'SAME', ((1, 0), (0, 1))])
def test_sum_pooling_is_average_pooling_times_the_area(padding):
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype(np.float32)
    got = layers.sum_pool(x, (2, 3), strides=(2, 1), padding=padding)
    wanted = nn.avg_pool(x, (2, 3), strides=(2, 1), padding=padding) * 6
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_global_pooling_sees_every_place_of_each_map():
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype(np.float32)
    np.testing.assert_allclose(
        layers.global_average_pool(x), np.asarray(x).mean((1, 2)), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(layers.global_max_pool(x), np.asarray(x).max((1, 2)))
    sequence = x[:, :, 0]
    assert layers.global_max_pool(sequence).shape == (2, 3)


def test_a_global_average_in_bfloat16_does_not_lose_its_sum():
    x = jnp.ones((1, 64, 64, 1), jnp.bfloat16)
    average = layers.global_average_pool(x)
    assert average.dtype == jnp.bfloat16 and average.item() == 1.0


def test_subsampling_sums_scales_and_shifts_each_map():
    x = jnp.arange(32.0).reshape(1, 4, 4, 2)
    params = {'coefficient': jnp.array([1.0, -2.0]), 'bias': jnp.array([0.0, 0.5])}
    got = layers.Subsampling().apply({'params': params}, x)
    sums = np.asarray(x).reshape(1, 2, 2, 2, 2, 2).sum((2, 4))
    np.testing.assert_allclose(got, sums * [1, -2] + [0, 0.5])


def test_subsampling_starts_as_average_pooling_with_two_parameters_a_map():
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 6)).astype(np.float32)
    init = jax.jit(layers.Subsampling().init_with_output)
    got, variables = init(jax.random.key(0), x)
    np.testing.assert_allclose(got, nn.avg_pool(x, (2, 2), (2, 2)), atol=1e-6)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == 12


def test_the_table_of_lenet_has_sixty_connections_spread_evenly():
    table = layers.LENET_TABLE
    assert [len(seen) for seen in table] == [3] * 6 + [4] * 9 + [6]
    assert len(set(table)) == 16
    assert np.bincount(np.concatenate(table)).tolist() == [10] * 6
    assert all(list(seen) == sorted(seen) for seen in table)


@pytest.mark.heavy
def test_a_sparse_convolution_is_a_dense_one_with_the_missing_weights_at_zero():
    table = ((0, 2), (1,), (0, 1, 2))
    layer = layers.SparseConv(table, (3, 3))
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype(np.float32)
    got, variables = jax.jit(layer.init_with_output)(jax.random.key(1), x)
    kernel = np.asarray(variables['params']['kernel'])
    dense = np.zeros((3, 3, 3, 3), np.float32)
    dense[:, :, 0, 0], dense[:, :, 2, 0] = kernel[..., 0], kernel[..., 1]
    dense[:, :, 1, 1] = kernel[..., 2]
    dense[:, :, :, 2] = kernel[..., 3:]
    params = {'kernel': jnp.asarray(dense), 'bias': variables['params']['bias']}
    plain = nn.Conv(3, (3, 3), padding='VALID')
    wanted = jax.jit(plain.apply)({'params': params}, x)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_an_output_map_feels_only_the_maps_of_its_row():
    layer = layers.SparseConv()
    x = jax.random.normal(jax.random.key(0), (1, 5, 5, 6))
    shapes = jax.eval_shape(layer.init, jax.random.key(1), x)
    variables = jax.tree.map(lambda s: jnp.ones(s.shape), shapes)
    gradients = jax.jit(jax.jacobian(lambda x: layer.apply(variables, x)[0, 0, 0]))(x)
    felt = np.abs(np.asarray(gradients)).sum((1, 2, 3)) > 0
    wanted = [[i in seen for i in range(6)] for seen in layers.LENET_TABLE]
    np.testing.assert_array_equal(felt, wanted)


@pytest.mark.heavy
def test_gradients_of_the_sparse_convolution_equal_finite_differences():
    layer = layers.SparseConv(((0,), (0, 1)), (2, 2))
    x = jax.random.normal(jax.random.key(0), (1, 3, 3, 2))
    variables = jax.jit(layer.init)(jax.random.key(1), x)
    check_grads(jax.jit(layer.apply), (variables, x), order=1, modes=['rev'], eps=1e-2)


def test_tables_and_windows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r'output map 1 sees the input maps \(\)'):
        layers.SparseConv(((0,), ()))
    with pytest.raises(ValueError, match='each once'):
        layers.SparseConv(((0, 0),))
    with pytest.raises(ValueError, match='names the input map 5, but there are 3'):
        layers.SparseConv().init(jax.random.key(0), jnp.ones((1, 5, 5, 3)))
    with pytest.raises(ValueError, match='window is'):
        layers.Subsampling(window=(0, 2))
    with pytest.raises(ValueError, match='add the missing axis'):
        layers.check_images(jnp.ones((2, 28, 28)))
    with pytest.raises(ValueError, match='at least 32'):
        layers.check_images(jnp.ones((2, 28, 28, 1)), smallest=32)


@pytest.mark.parametrize('dtype', ['uint8', 'float16', 'bfloat16'])
def test_sums_and_means_of_short_types_are_those_of_float32(dtype: str) -> None:
    x = jnp.asarray(np.random.default_rng(0).integers(0, 9, (2, 70, 70, 3)), dtype)
    exact = np.asarray(x, np.float64)
    tolerance = {'rtol': 1e-6 if dtype == 'uint8' else 4e-3}
    np.testing.assert_allclose(
        np.float64(layers.sum_pool(x, (70, 70)))[:, 0, 0],
        exact.sum((1, 2)),
        **tolerance,
    )
    for mean in (
        layers.global_average_pool(x),
        layers.adaptive_average_pool(x, 1)[:, 0, 0],
    ):
        np.testing.assert_allclose(np.float64(mean), exact.mean((1, 2)), **tolerance)
    assert layers.adaptive_average_pool(x, 3).dtype == (
        'float32' if dtype == 'uint8' else dtype
    )
