"""What a function is not made for is refused where it comes in, in each room.

Shapes that broadcast or an axis too few would give a number that nobody doubts.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax import metrics, rules
from dljax.kernels.lstm_scan import lstm_scan
from dljax.kernels.state_scan import elman_scan, gru_scan
from dljax.kernels.unroll import unroll
from dljax.layers import (
    NormalisedConv,
    adaptive_average_pool,
    ceil_max_pool,
    global_average_pool,
    global_max_pool,
    spectral_radius,
    squared_distances,
)
from dljax.losses.surprise import surprise


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
                NormalisedConv(4, kernel_size=3).init, jax.random.key(0), zeros(8, 8, 3)
            ),
            r'rank 3 .* but expected 4',
        ),
        (lambda: global_average_pool(zeros(8, 3)), 'rank 2 .* but expected'),
        (lambda: global_max_pool(zeros(8, 3)), 'rank 2 .* but expected'),
        (lambda: spectral_radius(zeros(3, 2)), r'\(3, 2\) but expected \(3, 3\)'),
        (lambda: squared_distances(zeros(3), zeros(4, 3)), 'rank 1 .* but expected 2'),
        (
            lambda: surprise(zeros(2, 3), np.zeros((2, 1), np.int32)),
            r'\(2, 1\) but expected \(2\)',
        ),
        (lambda: surprise(zeros(2, 3), zeros(2)), 'float32 but expected'),
        (lambda: metrics.precision(zeros(3, 1)), r'\(3, 1\) but expected \(3, 3\)'),
        (lambda: metrics.recall(zeros(1, 3)), r'\(1, 3\) but expected \(1, 1\)'),
        (lambda: metrics.f1(zeros(3, 1)), r'\(3, 1\) but expected \(3, 3\)'),
        (lambda: metrics.balanced_accuracy(zeros(2, 2, 2)), 'rank 3'),
        (lambda: metrics.quantisation_error(zeros(3)), 'rank 1 .* but expected 2'),
        (lambda: metrics.adjacent(zeros(4, 3)), r'\(4, 3\) but expected \(None, 2\)'),
        (lambda: metrics.active_fraction(zeros(2, 3, 4)), 'rank 3 .* but expected 2'),
        (
            lambda: rules.forward(
                [{'kernel': zeros(3, 2), 'bias': zeros(2)}], zeros(3)
            ),
            'rank 1 .* but expected 2',
        ),
    ],
)
def test_a_wrong_shape_is_answered_with_that_and_the_wanted_one(
    call: Callable[[], object], words: str
) -> None:
    with pytest.raises(AssertionError, match=words):
        call()
