"""Penalties on codes: values worked by hand, gradients, limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.special import rel_entr

from dljax import losses

CODE = np.random.default_rng(0).uniform(0.1, 0.9, (6, 4)).astype(np.float32)


def test_the_divergence_is_that_of_two_coins():
    fifth = jax.jit(lambda code: losses.activation_divergence(code, 0.2))
    mean = np.asarray(CODE, np.float64).mean(0)
    wanted = rel_entr(0.2, mean) + rel_entr(0.8, 1 - mean)
    got = fifth(CODE)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    even = np.full((6, 4), 0.2, np.float32)
    np.testing.assert_allclose(fifth(even), 0, atol=1e-7)


def test_the_divergence_is_finite_for_units_that_are_never_or_always_active():
    code = np.array([[0.0, 1.0], [0.0, 1.0]], jnp.bfloat16)
    both = jax.value_and_grad(lambda code: losses.activation_divergence(code).sum())
    value, gradient = jax.jit(both)(code)
    assert value.dtype == jnp.float32 and 10 < value < 20
    assert np.isfinite(np.float32(gradient)).all()


def test_the_divergence_falls_towards_the_target():
    gradient = jax.grad(lambda c: losses.activation_divergence(c, 0.95).sum())
    assert (np.asarray(jax.jit(gradient)(CODE)) < 0).all()
    costs = jax.jit(losses.activation_divergence)
    check_grads(costs, (CODE,), order=1, modes=['rev'])


def test_absolute_activations_and_contractions_are_sums_of_each_example():
    np.testing.assert_allclose(
        losses.absolute_activation(-CODE), np.asarray(CODE).sum(1), rtol=1e-6
    )
    jacobian = np.arange(12, dtype=np.float32).reshape(2, 3, 2, 1)
    wanted = [np.square(np.arange(6)).sum(), np.square(np.arange(6, 12)).sum()]
    np.testing.assert_allclose(losses.contraction(jacobian), wanted)


def test_a_target_or_code_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r'target is 0, wanted a mean activation'):
        losses.activation_divergence(CODE, 0)
    with pytest.raises(ValueError, match=r'\(4,\), wanted \[batch, units\]'):
        losses.activation_divergence(CODE[0])
