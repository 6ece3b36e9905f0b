"""Modes of a known mixture, ranking of two kinds, information of two labellings."""

import itertools

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from dljax import metrics

RNG = np.random.default_rng(0)
CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def test_a_mixture_covers_its_own_modes() -> None:
    """In the plane 1 - exp(-9/2) of a Gaussian is within 3 standard deviations."""
    samples = CENTRES[np.arange(20_000) % 4] + 0.3 * RNG.normal(size=(20_000, 2))
    found = metrics.count_modes(samples, CENTRES, 0.3)
    assert found.covered == 4
    assert found.quality == pytest.approx(1 - np.exp(-4.5), abs=0.004)
    assert found.divergence == 0.0


def test_modes_are_counted_where_good_samples_are() -> None:
    samples = np.array([[0.0, 0.29], [0.0, 0.31], [9.0, 0.0], [10.2, 10.2]])
    found = metrics.count_modes(samples, CENTRES, 0.1)
    assert (found.covered, found.quality) == (2, 0.5)
    assert found.divergence == pytest.approx(0.5 * np.log(2))  # fractions 1/2, 1/4, 1/4


def test_a_single_mode_diverges_by_the_logarithm_of_their_number() -> None:
    found = metrics.count_modes(np.ones((5, 2)), CENTRES, 1.0)
    assert found.covered == 1 and found.quality == 1.0
    assert found.divergence == pytest.approx(np.log(4))
    assert metrics.count_modes(np.full((5, 2), 99.0), CENTRES, 1.0).covered == 0


def test_modes_refuse_other_shapes_and_lost_samples() -> None:
    with pytest.raises(ValueError, match=r'shapes \(4, 3\) and \(4, 2\)'):
        metrics.count_modes(np.ones((4, 3)), CENTRES, 1.0)
    with pytest.raises(ValueError, match='finite samples'):
        metrics.count_modes(np.full((4, 2), np.nan), CENTRES, 1.0)
    with pytest.raises(ValueError, match='deviation=0.0, wanted more than 0'):
        metrics.count_modes(CENTRES, CENTRES, 0.0)


@pytest.mark.parametrize('levels', [3, 10**6])
def test_the_area_under_the_curve_equals_scikit_learn_with_and_without_ties(
    levels: int,
) -> None:
    positive = RNG.integers(0, 2, 200)
    scores = RNG.integers(0, levels, 200) + 0.3 * levels * positive
    wanted = sklearn_metrics.roc_auc_score(positive, scores)
    assert metrics.area_under_roc(scores, positive) == pytest.approx(wanted, rel=1e-12)
    assert metrics.area_under_roc(-scores, positive) == pytest.approx(1 - wanted)
    assert metrics.area_under_roc(scores, positive == 1) == pytest.approx(wanted)


def test_scores_that_are_all_equal_say_nothing() -> None:
    assert metrics.area_under_roc(np.ones(6), np.array([1, 0, 0, 0, 1, 0])) == 0.5


def test_the_area_needs_both_kinds_and_numbers() -> None:
    with pytest.raises(ValueError, match='there are 3 positive and 0 negative'):
        metrics.area_under_roc(np.arange(3), np.ones(3, int))
    with pytest.raises(ValueError, match='there are 0 positive and 3 negative'):
        metrics.area_under_roc(np.arange(3), np.zeros(3, bool))
    with pytest.raises(ValueError, match='wanted 0 and 1'):
        metrics.area_under_roc(np.arange(3), np.array([0, 1, 2]))
    with pytest.raises(ValueError, match='NaN'):
        metrics.area_under_roc(np.full(2, np.nan), np.array([0, 1]))
    with pytest.raises(ValueError, match='wanted \\[examples\\] of both'):
        metrics.area_under_roc(np.ones((2, 1)), np.array([0, 1]))


def test_mutual_information_equals_scikit_learn() -> None:
    first, noise = RNG.integers(0, 4, (2, 300))
    second = np.where(RNG.random(300) < 0.5, 10 * (first % 3), noise)
    wanted = sklearn_metrics.mutual_info_score(first, second)
    assert metrics.mutual_information(first, second) == pytest.approx(wanted)
    assert metrics.mutual_information(second, first) == pytest.approx(wanted)
    table = metrics.contingency_table(first, second)
    wanted = sklearn_metrics.cluster.contingency_matrix(first, second)
    np.testing.assert_array_equal(table, wanted)


def test_renamed_labels_tell_all_and_independent_ones_nothing() -> None:
    labels = np.repeat(np.arange(5), 4)
    renamed = np.array([3, 9, 1, 0, 7])[labels]
    assert metrics.mutual_information(labels, renamed) == pytest.approx(np.log(5))
    assert metrics.mutual_information(labels, np.tile(np.arange(4), 5)) < 1e-12
    assert metrics.mutual_information(labels, np.zeros(20, int)) == 0.0


def test_the_best_matching_is_the_best_of_all_permutations() -> None:
    true = RNG.integers(0, 4, 60)
    found = np.where(RNG.random(60) < 0.4, (true + 1) % 4, RNG.integers(0, 4, 60))
    every = itertools.permutations(range(4))
    wanted = max((np.array(order)[found] == true).mean() for order in every)
    assert metrics.matched_accuracy(7 * found, true) == pytest.approx(wanted)
    # Of one label for all, only the commonest class is right.
    alike = np.zeros(60, int)
    commonest = np.bincount(true).max() / 60
    assert metrics.matched_accuracy(alike, true) == pytest.approx(commonest)


def test_labels_are_whole_numbers_one_an_example() -> None:
    with pytest.raises(ValueError, match='wanted integers'):
        metrics.mutual_information(np.ones(3), np.ones(3, int))
    with pytest.raises(ValueError, match='wanted integers'):
        metrics.contingency_table(np.ones(3, int), np.ones(4, int))
