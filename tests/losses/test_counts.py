"""Counts: SciPy's binomial distribution, and its limits."""

import jax
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats
from scipy.special import expit

from dljax.losses import binary_cross_entropy, binomial_loss

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(5, 4)).astype(np.float32)
COUNTS = RNG.integers(0, 17, (5, 4))
loss = jax.jit(binomial_loss, static_argnames='trials')


def test_the_loss_is_that_of_scipys_binomial_distribution() -> None:
    got = loss(LOGITS, COUNTS / 16, trials=16)
    wanted = -stats.binom.logpmf(COUNTS, 16, expit(LOGITS)).sum(1)
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_one_trial_is_a_bit() -> None:
    bits = (COUNTS > 8).astype(np.float32)
    np.testing.assert_allclose(
        loss(LOGITS, bits, trials=1),
        jax.jit(binary_cross_entropy)(LOGITS, bits),
        rtol=1e-5,
    )


@pytest.mark.heavy
def test_the_loss_is_stable_differentiable_and_checked() -> None:
    far = loss(np.float32([1e4, -1e4]), np.float32([1.0, 1.0]), trials=16)
    np.testing.assert_allclose(far, [0.0, 16e4], atol=1e-4)
    check_grads(
        lambda logits: loss(logits, COUNTS / 16, trials=16),
        (LOGITS,),
        order=1,
        rtol=1e-2,
    )
    with pytest.raises(ValueError, match='trials is 0'):
        binomial_loss(LOGITS, COUNTS / 16, trials=0)
    with pytest.raises(ValueError, match='logits and fractions have shapes'):
        binomial_loss(LOGITS, COUNTS[:1] / 16, trials=16)
