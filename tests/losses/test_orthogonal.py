"""The penalty on units whose weights are alike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.losses import orthogonal_penalty

KERNEL = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype(np.float32)


def test_it_sums_squared_products_of_different_units() -> None:
    columns = KERNEL.reshape(18, 4).T
    wanted = sum(
        (columns[i] @ columns[j]) ** 2 for i in range(4) for j in range(4) if i != j
    )
    assert orthogonal_penalty(jnp.asarray(KERNEL)) == pytest.approx(wanted, rel=1e-5)


def test_it_is_zero_for_orthogonal_units_of_any_length() -> None:
    unit = np.linalg.qr(KERNEL.reshape(18, 4))[0] * np.array([1, 2, 5, 0.1])
    assert orthogonal_penalty(jnp.asarray(unit, jnp.float32)) < 1e-9


def test_its_gradient_is_that_of_the_paper() -> None:
    """4 W (WᵀW ⊙ (1 - I))."""
    matrix = KERNEL.reshape(18, 4)
    got = jax.grad(orthogonal_penalty)(jnp.asarray(KERNEL))
    wanted = 4 * matrix @ (matrix.T @ matrix * (1 - np.eye(4)))
    np.testing.assert_allclose(got.reshape(18, 4), wanted, rtol=1e-4, atol=1e-4)


def test_half_precision_is_summed_in_float32_and_a_bias_refused() -> None:
    large = jnp.full((4000, 2), 4.0, jnp.bfloat16)
    assert orthogonal_penalty(large) == pytest.approx(2 * 64000.0**2)
    with pytest.raises(ValueError, match=r'shape \(4,\), wanted \[..., units\]'):
        orthogonal_penalty(jnp.ones(4))
