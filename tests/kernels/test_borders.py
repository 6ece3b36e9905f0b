"""What kernels and layers are not made for is refused where it comes in."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.kernels.lstm_scan import lstm_scan
from dljax.kernels.state_scan import elman_scan, gru_scan
from dljax.kernels.unroll import unroll
from dljax.layers import NormalisedConv, adaptive_average_pool, ceil_max_pool


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ('call', 'words'),
    [
        (
            lambda: lstm_scan(
                zeros(5, 2, 12), zeros(4, 16), (zeros(2, 4),) * 2, None, False
            ),
            r'\(5, 2, 12\) but expected \(None, 2, 16\)',
        ),
        (
            lambda: lstm_scan(
                zeros(5, 2, 16), zeros(3, 16), (zeros(2, 4),) * 2, None, False
            ),
            r'\(3, 16\) but expected \(4, 16\)',
        ),
        (
            lambda: gru_scan(
                zeros(5, 2, 12), zeros(4, 12), zeros(3), zeros(2, 4), None, False
            ),
            r'\(3,\) but expected \(4\)',
        ),
        (
            lambda: elman_scan(
                jnp.tanh, zeros(5, 3, 4), zeros(4, 4), zeros(2, 4), None, False
            ),
            r'\(5, 3, 4\) but expected \(None, 2, 4\)',
        ),
        (
            lambda: unroll(
                lambda carry, x: (carry, x),
                zeros(2),
                zeros(5, 2),
                lengths=np.ones(3, np.int32),
            ),
            r'\(3,\) but expected \(2\)',
        ),
        (
            lambda: unroll(
                lambda carry, x: (carry, x), zeros(2), zeros(5, 2), lengths=zeros(2)
            ),
            'float32 but expected',
        ),
        (lambda: ceil_max_pool(zeros(8, 8, 3)), r'rank 3 .* but expected 4'),
        (lambda: adaptive_average_pool(zeros(8, 8, 3), 2), r'rank 3 .* but expected 4'),
        (
            lambda: jax.eval_shape(
                NormalisedConv(4, kernel=3).init, jax.random.key(0), zeros(8, 8, 3)
            ),
            r'rank 3 .* but expected 4',
        ),
    ],
)
def test_a_wrong_shape_is_answered_with_that_and_the_wanted_one(
    call: Callable[[], object], words: str
) -> None:
    with pytest.raises(AssertionError, match=words):
        call()
