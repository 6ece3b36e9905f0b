"""Activations and their derivatives (U1.9)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax import layers

# No kink among them, and both tails.
POINTS = np.float32([-1e4, -30.0, -3.0, -1.0, -0.3, 0.2, 0.9, 2.5, 30.0, 1e4])
ELEMENTWISE = [f for f in layers.ACTIVATIONS if f is not jax.nn.softmax]


def test_the_twelve_activations_of_the_course_are_there():
    wanted = (
        'binary_step identity sigmoid tanh relu leaky_relu_tenth prelu elu selu gelu '
        'silu softmax'
    )
    assert set(wanted.split()) <= {f.__name__ for f in layers.ACTIVATIONS}


@functools.cache
def derivatives() -> dict[str, tuple[jax.Array, jax.Array]]:
    """The automatic and the written derivative of each, in one program."""

    def both(x: jax.Array) -> dict[str, tuple[jax.Array, jax.Array]]:
        return {
            f.__name__: (jax.vmap(jax.grad(f))(x), layers.derivative(f)(x))
            for f in ELEMENTWISE
        }

    return jax.jit(both)(POINTS)


@functools.cache
def halves() -> dict[str, tuple[jax.Array, jax.Array]]:
    """Value and derivative of each in bfloat16, in one program."""

    def both(x: jax.Array) -> dict[str, tuple[jax.Array, jax.Array]]:
        return {f.__name__: (f(x), layers.derivative(f)(x)) for f in ELEMENTWISE}

    return jax.jit(both)(POINTS.astype(jnp.bfloat16))


@pytest.mark.parametrize('activation', ELEMENTWISE, ids=lambda f: f.__name__)
def test_the_written_derivative_equals_the_automatic_one(activation):
    wanted, got = derivatives()[activation.__name__]
    assert got.shape == POINTS.shape
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('activation', ELEMENTWISE, ids=lambda f: f.__name__)
def test_the_derivative_keeps_bfloat16_and_stays_finite(activation):
    for y in halves()[activation.__name__]:
        assert y.dtype == jnp.bfloat16 and np.isfinite(np.float32(y)).all()


def test_the_jacobian_of_softmax_equals_the_automatic_one():
    x = np.float32([[0.3, -1.0, 2.0], [1e4, -1e4, 0.0]])
    wanted = jax.jit(jax.vmap(jax.jacobian(jax.nn.softmax)))(x)
    got = np.asarray(jax.jit(layers.derivative(jax.nn.softmax))(x))
    np.testing.assert_allclose(got, wanted, atol=1e-6)
    np.testing.assert_allclose(got.sum(axis=-1), np.zeros((2, 3)), atol=1e-6)


def test_the_step_fires_from_zero_on_with_either_pair_of_values():
    x = jnp.array([-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(layers.binary_step(x), [0, 1, 1])
    np.testing.assert_array_equal(layers.binary_step(x, low=-1.0), [-1, 1, 1])
    np.testing.assert_array_equal(layers.binary_step(jnp.array([-2, 3])), [0, 1])


def test_the_leaky_slope_is_a_tenth():
    np.testing.assert_allclose(
        layers.leaky_relu_tenth(jnp.array([-10.0, 10.0])), [-1, 10]
    )


def test_the_negative_slope_of_prelu_is_learned_from_negative_inputs_only():
    gradient = jax.grad(lambda a: layers.prelu(jnp.array([-3.0, 5.0]), a).sum())(0.25)
    assert gradient == -3.0


def test_the_scaled_tanh_maps_one_to_one_and_bends_most_there():
    np.testing.assert_allclose(
        layers.scaled_tanh(jnp.array([-1.0, 1.0])), [-1, 1], atol=1e-4
    )
    x = np.linspace(0.0, 3.0, 301, dtype=np.float32)
    bend = jax.jit(jax.vmap(jax.grad(jax.grad(layers.scaled_tanh))))(x)
    assert abs(x[np.abs(bend).argmax()] - 1.0) < 0.02


def test_a_sigmoid_passes_at_most_a_quarter_and_a_rectifier_all_or_nothing():
    x = np.linspace(-8.0, 8.0, 1601, dtype=np.float32)
    assert layers.derivative(jax.nn.sigmoid)(x).max() == 0.25
    assert set(np.unique(layers.derivative(jax.nn.relu)(x))) == {0.0, 1.0}


def test_an_unknown_activation_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match='binary_step, elu, gelu'):
        layers.derivative(jnp.sin)
