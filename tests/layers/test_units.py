"""Radial units, Euclidean outputs and the combination of experts (U1.11, U1.12)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.test_util import check_grads
from scipy import special

from dljax import layers

X = np.random.default_rng(7).normal(size=(4, 3)).astype(np.float32)


def test_a_radial_unit_is_a_gaussian_of_its_distance():
    params = {
        'centres': np.random.default_rng(0).normal(size=(5, 3)).astype('float32'),
        'log_width': np.linspace(-1, 1, 5, dtype='float32'),
    }
    got = jax.jit(layers.RadialBasis(5).apply)({'params': params}, X)
    distances = ((np.asarray(X)[:, None] - params['centres']) ** 2).sum(-1)
    wanted = np.exp(-distances / (2 * np.exp(params['log_width']) ** 2))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_a_radial_unit_answers_one_at_its_centre_and_nothing_far_away():
    params = {'centres': X[:2], 'log_width': np.float32([0, -5])}
    apply = jax.jit(layers.RadialBasis(2).apply)
    near = apply({'params': params}, X[:2])
    np.testing.assert_allclose(np.diagonal(near), [1, 1], atol=1e-2)
    far = apply({'params': params}, X[:2] + np.float32(1e4))
    np.testing.assert_array_equal(far, np.zeros((2, 2)))


def test_gradients_of_a_radial_unit_equal_finite_differences():
    layer = layers.RadialBasis(2)
    variables = jax.jit(layer.init)(jax.random.key(1), X)
    check_grads(jax.jit(layer.apply), (variables, X), order=1, modes=['rev'], eps=1e-2)


def test_distances_of_bfloat16_points_are_computed_in_float32():
    x = (100 + X).astype(jnp.bfloat16)
    got = layers.squared_distances(x, x)
    exact = np.asarray(x, np.float64)
    wanted = ((exact[:, None] - exact) ** 2).sum(-1)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, wanted, atol=0.02)


def test_the_ten_drawings_differ_in_at_least_six_dots():
    codes = np.array([[dot == '#' for dot in glyph] for glyph in layers.DIGITS])
    assert codes.shape == (10, 7 * 12)
    differing = (codes[:, None] != codes).sum(-1) + 84 * np.eye(10, dtype=int)
    assert differing.min() >= 6


def test_a_drawing_itself_is_at_distance_zero_and_each_dot_costs_four():
    codes = np.array([[1.0 if d == '#' else -1 for d in g] for g in layers.DIGITS])
    logits = jax.jit(layers.EuclideanOutput().apply)({}, codes)
    np.testing.assert_allclose(np.diagonal(logits), np.zeros(10))
    np.testing.assert_allclose(logits, -4.0 * (codes[:, None] != codes).sum(-1))


def test_an_euclidean_output_has_no_parameters_and_float32_distances():
    x = jnp.zeros((2, 84), jnp.bfloat16)
    logits, variables = layers.EuclideanOutput().init_with_output(jax.random.key(0), x)
    assert not jax.tree.leaves(variables)
    assert logits.dtype == jnp.float32
    np.testing.assert_array_equal(logits, np.full((2, 10), -84.0))


def test_a_gate_mixes_the_probabilities_of_the_experts():
    inputs = [X[:, :1], X[:, 1:]]
    outputs = [X @ np.ones((3, 2), np.float32), X[:, :2]]
    initialise = jax.jit(layers.Gate().init_with_output)
    logits, variables = initialise(jax.random.key(0), inputs, outputs)
    dense = jax.tree.map(np.asarray, variables['params']['gate'])
    weights = special.softmax(X @ dense['kernel'] + dense['bias'], axis=1)
    odds = [special.softmax(one, axis=1) for one in outputs]
    wanted = sum(weights[:, i : i + 1] * odds[i] for i in range(2))
    np.testing.assert_allclose(np.exp(logits), wanted, rtol=1e-5)


def test_a_vote_is_the_mean_of_the_probabilities_also_at_the_limits():
    outputs = [
        np.float32([[1e4, -1e4]]),
        np.float32([[-1e4, 1e4]]),
        np.float32([[0, 0]]),
    ]
    logits = jax.jit(layers.Vote().apply)({}, [], outputs)
    np.testing.assert_allclose(np.exp(logits), [[0.5, 0.5]], rtol=1e-6)


def test_a_concatenation_takes_outputs_of_different_widths():
    outputs = [X, X[:, :1]]
    init = jax.jit(layers.Concatenation(2).init_with_output)
    logits, variables = init(jax.random.key(0), [], outputs)
    dense = variables['params']['output']
    wanted = np.concatenate(outputs, axis=1) @ np.asarray(dense['kernel'])
    np.testing.assert_allclose(logits, wanted, rtol=1e-5)


def test_settings_and_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='units is 0'):
        layers.RadialBasis(0)
    with pytest.raises(ValueError, match=r'lengths \[1, 2\]'):
        layers.EuclideanOutput(glyphs=('#', '##'))
    with pytest.raises(ValueError, match='3 features, wanted 84'):
        layers.EuclideanOutput().apply({}, X)
    with pytest.raises(ValueError, match='Concatenation'):
        layers.Vote().apply({}, [], [X, X[:, :1]])
    with pytest.raises(ValueError, match='outputs is 0'):
        layers.Concatenation(0)


def test_maxout_takes_the_largest_of_its_lines() -> None:
    layer = layers.Maxout(2, pieces=3)
    x = np.random.default_rng(0).normal(size=(4, 5, 7)).astype(np.float32)
    outputs, variables = jax.jit(layer.init_with_output)(jax.random.key(1), x)
    lines = variables['params']['lines']
    values = x @ np.asarray(lines['kernel']) + np.asarray(lines['bias'])
    wanted = np.stack([values[..., 0:3].max(-1), values[..., 3:6].max(-1)], axis=-1)
    np.testing.assert_allclose(outputs, wanted, rtol=1e-5)
    with pytest.raises(ValueError, match='features is 2 and pieces 0'):
        layers.Maxout(2, pieces=0)


def test_a_part_takes_over_the_types_that_are_set() -> None:
    part = nn.Dense(3, dtype=jnp.float16)
    assert layers.typed(part, None, None) is part
    assert layers.typed(part, jnp.float16, jnp.float32) is part
    changed = layers.typed(part, jnp.bfloat16, None)
    assert changed.dtype == jnp.bfloat16 and changed.param_dtype == jnp.float32


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16', 'float32'])
def test_orthogonal_weights_are_drawn_in_any_type(dtype):
    kernel = layers.orthogonal(2.0)(jax.random.key(0), (2, 4, 3), jnp.dtype(dtype))
    assert kernel.dtype == dtype
    columns = np.asarray(kernel, np.float64).reshape(8, 3)
    tolerance = 16 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(columns.T @ columns, 4 * np.eye(3), atol=tolerance)
    wide = layers.orthogonal(2.0)(jax.random.key(0), (2, 4, 3))
    np.testing.assert_array_equal(kernel, wide.astype(dtype))
