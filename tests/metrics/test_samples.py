"""Measures of whole sets of samples: closed forms, references, naive twins."""

import numpy as np
import pytest
from scipy import linalg

from dljax import metrics

RNG = np.random.default_rng(0)


def covariance(size: int, rank: int) -> np.ndarray:
    root = RNG.normal(size=(size, rank))
    return root @ root.T


def test_the_frechet_distance_of_gaussians_on_the_same_axes_is_worked_by_hand() -> None:
    got = metrics.frechet_distance_of_moments(
        np.array([1.0, 2.0]),
        np.diag([4.0, 9.0]),
        np.array([1.0, 5.0]),
        np.diag([1.0, 25.0]),
    )
    assert got == pytest.approx(3**2 + (2 - 1) ** 2 + (3 - 5) ** 2)


def test_the_frechet_distance_equals_one_by_the_root_of_the_product() -> None:
    a, b = covariance(6, 6), covariance(6, 9)
    mean, other = RNG.normal(size=(2, 6))
    root = linalg.sqrtm(a @ b)
    wanted = np.square(mean - other).sum() + np.trace(a + b - 2 * root.real)
    got = metrics.frechet_distance_of_moments(mean, a, other, b)
    assert got == pytest.approx(wanted, rel=1e-9)


def test_the_frechet_distance_bears_singular_covariances() -> None:
    """Turned axes, so that rounding makes negative eigenvalues of the zeros."""
    turn = linalg.qr(RNG.normal(size=(50, 50)))[0]
    first, second = np.zeros((2, 50))
    first[:20], second[10:30] = 4.0, 9.0
    a, b = (turn * first) @ turn.T, (turn * second) @ turn.T
    zero = np.zeros(50)
    wanted = 10 * 4 + 10 * 9 + 10 * 1
    got = metrics.frechet_distance_of_moments(zero, a, zero, b)
    assert got == pytest.approx(wanted, rel=1e-10)
    assert metrics.frechet_distance_of_moments(zero, a, zero, a) < 1e-10


def test_the_frechet_distance_of_features_is_that_of_their_moments() -> None:
    real, made = RNG.normal(size=(40, 3)), RNG.normal(1, 2, size=(30, 3))
    wanted = metrics.frechet_distance_of_moments(
        real.mean(0), np.cov(real.T), made.mean(0), np.cov(made.T)
    )
    assert metrics.frechet_distance(real, made) == pytest.approx(wanted, rel=1e-12)
    assert metrics.frechet_distance(real, real[::-1]) < 1e-12
    # One feature: a variance, not a matrix; and float32 comes in.
    few = metrics.frechet_distance(np.float32(real[:, :1]), np.float32(made[:, :1]))
    spread = real[:, 0].std(ddof=1) - made[:, 0].std(ddof=1)
    apart = real[:, 0].mean() - made[:, 0].mean()
    assert few == pytest.approx(spread**2 + apart**2, rel=1e-5)


def test_the_kernel_distance_equals_its_sums_over_pairs() -> None:
    x, y = RNG.normal(size=(5, 4)), RNG.normal(1, 1, size=(7, 4))

    def mean(pairs: list) -> float:
        return np.mean([(a @ b / 4 + 1) ** 3 for a, b in pairs])

    wanted = (
        mean([(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
        + mean([(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
        - 2 * mean([(a, b) for a in x for b in y])
    )
    np.testing.assert_allclose(metrics.kernel_distance(x, y), [wanted], rtol=1e-10)


def test_the_kernel_distance_of_equal_distributions_is_zero_on_average() -> None:
    """The form with a bias comes to 1.08 here, a hundred of these standard errors."""
    draws = np.array(
        [
            metrics.kernel_distance(*RNG.normal(size=(2, 20, 3))).item()
            for _ in range(2000)
        ]
    )
    error = draws.std() / np.sqrt(len(draws))
    assert abs(draws.mean()) < 4 * error < 0.05
    assert draws.min() < 0


def test_subsets_estimate_what_all_examples_do() -> None:
    x, y = RNG.normal(size=(200, 4)), RNG.normal(0.7, 1, size=(300, 4))
    parts = metrics.kernel_distance(x, y, subsets=60, size=50)
    assert parts.shape == (60,) and len(set(parts)) == 60
    (whole,) = metrics.kernel_distance(x, y)
    assert abs(parts.mean() - whole) < 4 * parts.std() / np.sqrt(60) < whole / 4
    again = metrics.kernel_distance(x, y, subsets=60, size=50)
    np.testing.assert_array_equal(parts, again)
    other = metrics.kernel_distance(x, y, subsets=60, size=50, seed=1)
    assert np.abs(parts - other).min() > 0


@pytest.mark.parametrize('scale', [1.0, 1e4])
def test_equal_predictions_score_one(scale: float) -> None:
    logits = np.tile(scale * RNG.normal(size=(1, 5)), (8, 1))
    assert metrics.inception_score(logits) == pytest.approx(1.0)


@pytest.mark.parametrize('classes', [2, 10])
def test_sure_predictions_spread_evenly_score_the_number_of_classes(
    classes: int,
) -> None:
    logits = 1e4 * np.tile(np.eye(classes), (3, 1))
    assert metrics.inception_score(logits) == pytest.approx(classes)
    assert metrics.inception_score(logits[:, ::-1] - 1e4) == pytest.approx(classes)


def test_the_inception_score_equals_its_definition() -> None:
    logits = RNG.normal(size=(9, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    mean = probabilities.mean(0)
    terms = [(p * np.log(p / mean)).sum() for p in probabilities]
    wanted = np.exp(np.mean(terms))
    assert metrics.inception_score(logits) == pytest.approx(wanted)


@pytest.mark.parametrize('neighbours', [1, 3])
def test_precision_and_recall_of_samples_equal_a_naive_count(neighbours: int) -> None:
    real, made = RNG.normal(size=(30, 2)), RNG.normal(1.5, 1, size=(25, 2))

    def covered(points: np.ndarray, centres: np.ndarray) -> float:
        count = 0
        for point in points:
            for i, centre in enumerate(centres):
                others = np.delete(centres, i, axis=0)
                ordered = np.sort(np.linalg.norm(others - centre, axis=1))
                radius = ordered[neighbours - 1]
                if np.linalg.norm(point - centre) <= radius:
                    count += 1
                    break
        return count / len(points)

    got = metrics.manifold_precision_recall(real, made, neighbours=neighbours)
    assert got == (covered(made, real), covered(real, made))
    assert 0 < got.precision < 1 and 0 < got.recall < 1


def test_one_mode_of_two_has_precision_but_half_the_recall() -> None:
    real = RNG.normal(size=(200, 2)) + np.repeat([[0.0], [50.0]], 100, axis=0)
    got = metrics.manifold_precision_recall(real, RNG.normal(size=(200, 2)))
    assert got.precision > 0.9 and 0.4 < got.recall <= 0.5
    far = metrics.manifold_precision_recall(real, real + 1000)
    assert far == (0.0, 0.0)
    assert metrics.manifold_precision_recall(real, real[::-1]) == (1.0, 1.0)


def test_measures_refuse_what_they_cannot_measure() -> None:
    good = RNG.normal(size=(4, 3))
    for measure in (
        metrics.frechet_distance,
        metrics.kernel_distance,
        metrics.manifold_precision_recall,
    ):
        with pytest.raises(ValueError, match='wanted equally many of an example'):
            measure(good, good[:, :2])
        with pytest.raises(ValueError, match='2 or more examples'):
            measure(good, good[:1])
        with pytest.raises(ValueError, match='made features are not all finite'):
            measure(good, good * np.nan)
    with pytest.raises(ValueError, match=r'have shape \(4, 3, 1\)'):
        metrics.inception_score(good[..., None])
    with pytest.raises(ValueError, match='neighbours=4 for 4 and 5 examples'):
        metrics.manifold_precision_recall(good, np.ones((5, 3)), neighbours=4)
    with pytest.raises(ValueError, match='subsets=0 and size=1000'):
        metrics.kernel_distance(good, good, subsets=0)
    with pytest.raises(ValueError, match='the moments have shapes'):
        metrics.frechet_distance_of_moments(good[0], good, good[0], good)
    with pytest.raises(ValueError, match='moments are not all finite'):
        square = np.full((3, 3), np.inf)
        metrics.frechet_distance_of_moments(good[0], square, good[0], square)
