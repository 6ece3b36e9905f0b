"""Metrics: values worked by hand, twins of scikit-learn, limits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from dljax import metrics
from dljax.explain.target import choose_label
from dljax.layers import binary_step
from dljax.models.recurrent.sequence_generator import bernoulli

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(60, 4)).astype(np.float32)
LABELS = RNG.integers(0, 4, 60).astype(np.int32)


def test_accuracy_equals_scikit_learn():
    wanted = sklearn_metrics.accuracy_score(LABELS, SCORES.argmax(1))
    found = np.mean(jax.jit(metrics.accuracy)(SCORES, LABELS))
    np.testing.assert_allclose(found, wanted)


@pytest.mark.parametrize('columns', [False, True])
def test_a_single_positive_logit_means_the_second_class(columns):
    logits, labels = jnp.array([2.0, -1.0, 1e4, -1e4]), jnp.array([1, 1, 0, 0])
    if columns:
        logits = logits[:, None]
        np.testing.assert_array_equal(
            metrics.accuracy(logits, labels[:, None]), [1, 0, 0, 1]
        )
    np.testing.assert_array_equal(metrics.accuracy(logits, labels), [1, 0, 0, 1])


def test_a_single_logit_of_zero_means_the_second_class():
    logits = jnp.array([0.0, -0.0, -1e-30])
    fires = binary_step(logits)
    np.testing.assert_array_equal(fires, [1, 1, 0])
    np.testing.assert_array_equal(metrics.accuracy(logits, fires.astype(int)), 1)
    np.testing.assert_array_equal(choose_label(logits[:, None], None), fires)
    np.testing.assert_array_equal(bernoulli(logits[:, None])[:, 0], fires)


def test_accuracy_of_a_sequence_is_the_fraction_of_the_positions_that_count():
    logits = jnp.array([[[1.0, 0], [1, 0], [0, 1]], [[1, 0], [1, 0], [1, 0]]])
    labels = jnp.array([[0, 1, 1], [0, 0, 0]])
    where = jnp.array([[True, True, False], [False, False, False]])
    np.testing.assert_allclose(metrics.accuracy(logits, labels), [2 / 3, 1], rtol=1e-6)
    np.testing.assert_allclose(metrics.accuracy(logits, labels, where=where), [0.5, 0])


@pytest.mark.parametrize('k', [1, 2, 3])
def test_top_k_accuracy_equals_scikit_learn(k):
    wanted = sklearn_metrics.top_k_accuracy_score(LABELS, SCORES, k=k, labels=range(4))
    got = metrics.top_k_accuracy(SCORES, LABELS, k=k)
    np.testing.assert_allclose(got.mean(), wanted, rtol=1e-6)


def test_one_guess_is_accuracy():
    np.testing.assert_array_equal(
        metrics.top_k_accuracy(SCORES, LABELS, k=1), metrics.accuracy(SCORES, LABELS)
    )


def test_scores_of_bfloat16_logits_are_float32():
    logits = SCORES.astype(jnp.bfloat16)
    top = functools.partial(metrics.top_k_accuracy, k=2)
    for metric in (metrics.accuracy, top):
        assert jax.eval_shape(metric, logits, LABELS).dtype == jnp.float32
    found = jax.eval_shape(metrics.absolute_error, logits, logits)
    assert found.dtype == jnp.float32


def test_the_confusion_matrix_and_its_ratios_equal_scikit_learn():
    predictions = SCORES.argmax(1)
    got = metrics.confusion_matrix(predictions, LABELS, classes=4)
    wanted = sklearn_metrics.confusion_matrix(LABELS, predictions)
    np.testing.assert_array_equal(got, wanted)
    p, r, f, _ = sklearn_metrics.precision_recall_fscore_support(LABELS, predictions)
    np.testing.assert_allclose(metrics.precision(got), p, rtol=1e-6)
    np.testing.assert_allclose(metrics.recall(got), r, rtol=1e-6)
    np.testing.assert_allclose(metrics.f1(got), f, rtol=1e-6)


def test_confusion_matrices_of_two_halves_add_up():
    predictions = SCORES.argmax(1)
    first = np.arange(60) < 20
    parts = [
        metrics.confusion_matrix(predictions, LABELS, classes=4, where=mask)
        for mask in (first, ~first)
    ]
    whole = metrics.confusion_matrix(predictions, LABELS, classes=4)
    np.testing.assert_array_equal(parts[0] + parts[1], whole)
    assert whole.sum() == 60 and parts[0].sum() == 20


def test_absent_classes_score_zero_and_not_nan():
    confusion = jnp.array([[2, 0, 0], [0, 0, 0], [1, 0, 0]])
    np.testing.assert_allclose(metrics.precision(confusion), [2 / 3, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(metrics.recall(confusion), [1, 0, 0])
    np.testing.assert_allclose(metrics.f1(confusion), [0.8, 0, 0], rtol=1e-6)


def test_r_squared_equals_scikit_learn():
    targets = jnp.asarray(RNG.normal(3, 2, (30, 2)), jnp.float32)
    predictions = targets + jnp.asarray(RNG.normal(0, 1, (30, 2)), jnp.float32)
    wanted = sklearn_metrics.r2_score(targets, predictions, multioutput='raw_values')
    got = metrics.r_squared(predictions, targets)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_r_squared_of_a_constant_target_is_one_if_exact_and_else_zero():
    constant = jnp.ones((4, 2))
    predictions = jnp.stack([jnp.ones(4), jnp.arange(4.0)], axis=1)
    np.testing.assert_array_equal(metrics.r_squared(predictions, constant), [1, 0])


FAR = 98_765_432.0 + np.round(3 * RNG.normal(size=(50, 2)), 3)


def test_errors_far_from_zero_are_those_of_float64():
    predictions = FAR + 0.1 * RNG.normal(size=FAR.shape)
    got = metrics.r_squared(predictions, FAR)
    wanted = sklearn_metrics.r2_score(FAR, predictions, multioutput='raw_values')
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    got = metrics.absolute_error(predictions, FAR)
    np.testing.assert_allclose(got, np.abs(predictions - FAR).mean(1), rtol=1e-6)
    # One of them on a device: what is known on the host is not rounded.
    got = metrics.absolute_error(jnp.float32(FAR), FAR)
    np.testing.assert_allclose(got, np.abs(np.float32(FAR) - FAR).mean(1), rtol=1e-5)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('dtype', [np.int32, np.float32])
def test_errors_of_arrays_on_a_device_lose_no_more_than_the_arrays(dtype):
    targets = np.arange(98_765_000, 98_765_400, 8)[:, None]
    predictions = targets + RNG.integers(-2, 3, targets.shape) * 8
    wanted = sklearn_metrics.r2_score(targets, predictions)
    given = jnp.asarray(predictions, dtype), jnp.asarray(targets, dtype)
    got = jax.jit(metrics.r_squared)(*given)
    np.testing.assert_allclose(got[0], wanted, rtol=1e-5)
    got = jax.jit(metrics.absolute_error)(*given)
    np.testing.assert_array_equal(got, np.abs(targets - predictions)[:, 0])


def test_a_constant_far_from_zero_is_one():
    constant = np.full((1001, 1), 0.1 + 1e7)
    np.testing.assert_array_equal(metrics.r_squared(constant, constant), [1])
    assert metrics.r_squared(constant + 1, constant) == 0
    on_device = jnp.full((1001, 1), 1e8 / 3)
    assert metrics.r_squared(on_device + 4, on_device) == 0


@pytest.mark.others('heavy')
@pytest.mark.parametrize('dtype', ['uint8', 'bool', 'int8'])
def test_differences_of_short_types_do_not_wrap(dtype):
    few, many = jnp.array([[0], [1]], dtype), jnp.array([[1], [0]], dtype)
    np.testing.assert_array_equal(metrics.absolute_error(few, many), [1, 1])
    got = metrics.absolute_error(np.asarray(few), np.asarray(many))
    np.testing.assert_array_equal(got, [1, 1])
    np.testing.assert_array_equal(metrics.r_squared(few, many), [-3])


def test_neighbours_far_from_zero_are_the_nearest():
    known = np.arange(40.0)[:, None] * 8 + 98_765_432
    labels = jnp.arange(40) % 7
    got = metrics.nearest_neighbours(
        jnp.float32(known + 2), jnp.float32(known), labels, classes=7, neighbours=1
    )
    np.testing.assert_array_equal(got, labels)


def test_absolute_error_is_the_mean_over_the_outputs():
    got = metrics.absolute_error(jnp.array([[1.0, -3.0]]), jnp.array([[0.0, 2.0]]))
    np.testing.assert_array_equal(got, [3.0])


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match='labels have shape'):
        metrics.accuracy(jnp.zeros((4, 3)), jnp.zeros((4, 1), int))
    with pytest.raises(ValueError, match='float32'):
        metrics.accuracy(jnp.zeros((4, 3)), jnp.zeros(4))
    with pytest.raises(ValueError, match='k is 4'):
        metrics.top_k_accuracy(jnp.zeros((4, 3)), jnp.zeros(4, int), k=4)
    with pytest.raises(ValueError, match=r'argmax'):
        metrics.confusion_matrix(jnp.zeros((4, 3)), jnp.zeros(4, int), classes=3)
    with pytest.raises(ValueError, match='equal shapes'):
        metrics.r_squared(jnp.zeros((4, 1)), jnp.zeros(4))
