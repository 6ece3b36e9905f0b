"""Gaussians: SciPy's density, and the divergence by hand and by Monte Carlo."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats

from dljax.losses import gaussian_divergence, gaussian_log_density

RNG = np.random.default_rng(0)
MEAN = RNG.normal(size=(3, 4)).astype(np.float32)
LOG_VARIANCE = RNG.normal(size=(3, 4)).astype(np.float32)
divergence = jax.jit(gaussian_divergence)


def test_the_log_density_equals_scipys() -> None:
    values = RNG.normal(size=(3, 4)).astype(np.float32)
    wanted = stats.norm.logpdf(values, MEAN, np.exp(0.5 * LOG_VARIANCE)).sum(1)
    got = jax.jit(gaussian_log_density)(values, MEAN, LOG_VARIANCE)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_the_analytic_divergence_equals_monte_carlo() -> None:
    noise = np.random.default_rng(1).normal(size=(20_000, *MEAN.shape))
    codes = np.float32(MEAN + np.exp(0.5 * LOG_VARIANCE) * noise)

    def log_ratio(code: jax.Array) -> jax.Array:
        zeros = jnp.zeros_like(code)
        prior = gaussian_log_density(code, zeros, zeros)
        return gaussian_log_density(code, MEAN, LOG_VARIANCE) - prior

    draws = np.asarray(jax.jit(jax.vmap(log_ratio))(codes))
    error = draws.std(0) / np.sqrt(len(draws))
    got = np.asarray(divergence(MEAN, LOG_VARIANCE))
    assert (np.abs(got - draws.mean(0)) < 4 * error).all()
    assert (error < 0.02 * got).all()


def test_the_divergence_is_zero_at_the_prior_only_and_exact_near_it() -> None:
    zeros = np.zeros((1, 1), np.float32)
    assert divergence(zeros, zeros) == 0
    small = np.full((1, 1), 1e-3, np.float32)  # ½ (e^a - 1 - a) = a² / 4 + a³ / 12
    np.testing.assert_allclose(divergence(zeros, small), 2.5e-7 + 8.3e-11, rtol=2e-3)
    far = divergence(np.full((1, 1), 1e4, np.float32), zeros)
    np.testing.assert_allclose(far, 5e7)
    narrow = divergence(zeros, np.full((1, 1), -1e4, np.float32))
    np.testing.assert_allclose(narrow, 0.5 * (1e4 - 1))


def test_gradients_are_right_and_half_precision_is_raised() -> None:
    check_grads(divergence, (MEAN, LOG_VARIANCE), order=1, rtol=1e-2)
    half = divergence(MEAN.astype(jnp.bfloat16), LOG_VARIANCE)
    assert half.dtype == jnp.float32


def test_unequal_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match='mean and log_variance have shapes'):
        gaussian_divergence(MEAN, LOG_VARIANCE[:, :1])
    with pytest.raises(ValueError, match='values and mean have shapes'):
        gaussian_log_density(MEAN[0], MEAN, LOG_VARIANCE)
