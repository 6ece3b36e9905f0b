"""Overlaps of regions: values worked by hand, scikit-learn, absent classes."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from dljax import metrics

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 4, (5, 6, 7)).astype(np.int32)
SAID = np.where(RNG.uniform(size=LABELS.shape) < 0.6, LABELS, (LABELS + 1) % 4)
COUNTS = metrics.confusion_matrix(SAID, LABELS, classes=4)


def test_a_case_worked_by_hand() -> None:
    """Truth 1 1 0 0, said 1 0 0 0: of class 1 one of two pixels, none too many."""
    counts = metrics.confusion_matrix(
        np.array([1, 0, 0, 0]), np.array([1, 1, 0, 0]), classes=2
    )
    np.testing.assert_allclose(
        metrics.intersection_over_union(counts), [2 / 3, 1 / 2], rtol=1e-6
    )
    np.testing.assert_allclose(metrics.dice(counts), [4 / 5, 2 / 3], rtol=1e-6)
    np.testing.assert_allclose(metrics.mean_iou(counts), 7 / 12, rtol=1e-6)
    np.testing.assert_allclose(metrics.mean_iou(counts, background=False), 1 / 2)
    np.testing.assert_allclose(metrics.pixel_accuracy(counts), 3 / 4)


def test_they_equal_scikit_learn() -> None:
    truth, said = LABELS.ravel(), SAID.ravel()
    wanted = sklearn_metrics.jaccard_score(truth, said, average=None)
    got = metrics.intersection_over_union(COUNTS)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    np.testing.assert_allclose(metrics.mean_iou(COUNTS), wanted.mean(), rtol=1e-6)
    wanted = sklearn_metrics.f1_score(truth, said, average=None)
    np.testing.assert_allclose(metrics.dice(COUNTS), wanted, rtol=1e-6)
    np.testing.assert_allclose(metrics.dice(COUNTS), 2 * got / (1 + got), rtol=1e-6)
    wanted = sklearn_metrics.accuracy_score(truth, said)
    np.testing.assert_allclose(metrics.pixel_accuracy(COUNTS), wanted, rtol=1e-6)


def test_counts_of_parts_add_up_where_means_of_parts_do_not() -> None:
    parts = np.stack(
        [
            metrics.confusion_matrix(said, label, classes=4)
            for said, label in zip(SAID, LABELS, strict=True)
        ]
    )
    whole = metrics.mean_iou(COUNTS)
    np.testing.assert_allclose(metrics.mean_iou(parts.sum(0)), whole, rtol=1e-6)
    of_each = metrics.mean_iou(parts)
    assert of_each.shape == (5,) and abs(of_each.mean() - whole) > 1e-3


def test_an_absent_class_has_no_figure_and_no_part_in_the_mean() -> None:
    counts = jnp.asarray([[6, 2, 0], [0, 4, 0], [0, 0, 0]])
    np.testing.assert_allclose(
        metrics.intersection_over_union(counts), [6 / 8, 4 / 6, np.nan], rtol=1e-6
    )
    np.testing.assert_allclose(metrics.mean_iou(counts), (6 / 8 + 4 / 6) / 2, rtol=1e-6)
    assert jnp.isnan(metrics.dice(counts)[2]) and not jnp.isnan(metrics.dice(counts)[1])
    # What is predicted but does not occur is there, and wrong.
    counts = jnp.asarray([[6, 0, 2], [0, 4, 0], [0, 0, 0]])
    np.testing.assert_allclose(
        metrics.intersection_over_union(counts), [6 / 8, 1, 0], rtol=1e-6
    )
    nothing = jnp.zeros((3, 3), jnp.int32)
    assert jnp.isnan(metrics.mean_iou(nothing))
    assert jnp.isnan(metrics.pixel_accuracy(nothing))


def test_counts_beyond_the_range_of_32_bits_are_no_trouble() -> None:
    counts = np.asarray([[3, 1], [1, 5]], np.int64) * 10**11
    np.testing.assert_allclose(
        metrics.intersection_over_union(counts), [3 / 5, 5 / 7], rtol=1e-6
    )


def test_only_square_tables_are_taken() -> None:
    with pytest.raises(ValueError, match=r'confusion has shape \(2, 3\)'):
        metrics.mean_iou(jnp.ones((2, 3)))
