"""Gaussians: SciPy's density, and the divergence by hand and by Monte Carlo."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats

from dljax.losses import gaussian_divergence, gaussian_log_density

RNG = np.random.default_rng(0)
MEAN = jnp.asarray(RNG.normal(size=(3, 4)), jnp.float32)
LOG_VARIANCE = jnp.asarray(RNG.normal(size=(3, 4)), jnp.float32)


def test_the_log_density_equals_scipys() -> None:
    values = RNG.normal(size=(3, 4)).astype(np.float32)
    wanted = stats.norm.logpdf(values, MEAN, np.exp(0.5 * LOG_VARIANCE)).sum(1)
    got = gaussian_log_density(values, MEAN, LOG_VARIANCE)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_the_analytic_divergence_equals_monte_carlo() -> None:
    noise = jax.random.normal(jax.random.key(0), (20_000, *MEAN.shape))
    codes = MEAN[None] + jnp.exp(0.5 * LOG_VARIANCE)[None] * noise

    def log_ratio(code: jax.Array) -> jax.Array:
        zeros = jnp.zeros_like(code)
        prior = gaussian_log_density(code, zeros, zeros)
        return gaussian_log_density(code, MEAN, LOG_VARIANCE) - prior

    draws = jax.vmap(log_ratio)(codes)
    error = draws.std(0) / np.sqrt(len(draws))
    got = gaussian_divergence(MEAN, LOG_VARIANCE)
    assert (jnp.abs(got - draws.mean(0)) < 4 * error).all()
    assert (error < 0.02 * got).all()


def test_the_divergence_is_zero_at_the_prior_only_and_exact_near_it() -> None:
    zeros = jnp.zeros((1, 2))
    assert gaussian_divergence(zeros, zeros) == 0
    small = jnp.full((1, 1), 1e-3)  # ½ (e^a - 1 - a) = a² / 4 + a³ / 12
    np.testing.assert_allclose(
        gaussian_divergence(0 * small, small), 2.5e-7 + 8.3e-11, rtol=2e-3
    )
    far = gaussian_divergence(jnp.full((1, 1), 1e4), zeros[:, :1])
    np.testing.assert_allclose(far, 5e7)
    narrow = gaussian_divergence(zeros[:, :1], jnp.full((1, 1), -1e4))
    np.testing.assert_allclose(narrow, 0.5 * (1e4 - 1))


def test_gradients_are_right_and_half_precision_is_raised() -> None:
    check_grads(gaussian_divergence, (MEAN, LOG_VARIANCE), order=1, rtol=1e-2)
    half = gaussian_divergence(MEAN.astype(jnp.bfloat16), LOG_VARIANCE)
    assert half.dtype == jnp.float32


def test_unequal_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match='mean and log_variance have shapes'):
        gaussian_divergence(MEAN, LOG_VARIANCE[:, :1])
    with pytest.raises(ValueError, match='values and mean have shapes'):
        gaussian_log_density(MEAN[0], MEAN, LOG_VARIANCE)
