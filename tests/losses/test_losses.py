"""Losses (U1.8): values worked by hand, twins, gradients, limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.special import log_softmax, softmax
from sklearn import metrics as sklearn_metrics

from dljax import losses

PAIRED = [
    losses.binary_cross_entropy,
    losses.sum_squared_error,
    losses.quadratic,
    losses.huber,
    losses.hinge,
]
INDEXED = [losses.cross_entropy, losses.multiclass_hinge]
LOGITS = np.float32([[0.3, -1.2, 2.0], [1.1, 0.4, -0.7]])
TARGETS = np.float32([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
LABELS = np.array([2, 1])


def test_the_mean_quadratic_is_the_sum_of_squares_over_two_n():
    outputs = jnp.array([[1.0, 2.0], [3.0, 5.0], [0.0, 0.0]])
    targets = jnp.array([[1.0, 4.0], [0.0, 1.0], [0.0, 0.0]])
    costs = losses.quadratic(outputs, targets)
    np.testing.assert_array_equal(costs, [2.0, 12.5, 0.0])
    wanted = np.sum((np.asarray(targets) - np.asarray(outputs)) ** 2) / (2 * 3)
    np.testing.assert_allclose(costs.mean(), wanted, rtol=1e-6)


def test_the_squared_error_is_twice_the_quadratic_cost():
    np.testing.assert_allclose(
        losses.sum_squared_error(LOGITS, TARGETS), 2 * losses.quadratic(LOGITS, TARGETS)
    )


def test_huber_is_quadratic_inside_delta_and_linear_outside():
    errors = jnp.array([0.0, 1.0, 2.0, 5.0, -5.0])
    costs = losses.huber(errors, jnp.zeros(5), delta=2.0)
    np.testing.assert_allclose(costs, [0.0, 0.5, 2.0, 8.0, 8.0])


def test_huber_pulls_with_at_most_delta():
    force = jax.grad(lambda e: losses.huber(e, jnp.zeros(3), delta=0.7).sum())
    pull = jax.jit(force)(np.float32([-9.0, 0.5, 1e4]))
    np.testing.assert_allclose(pull, [-0.7, 0.5, 0.7], rtol=1e-6)


def test_binary_cross_entropy_of_an_undecided_logit_is_log_two():
    costs = losses.binary_cross_entropy(jnp.zeros((2, 3)), TARGETS)
    np.testing.assert_allclose(costs, 3 * np.log(2) * np.ones(2), rtol=1e-6)


def test_binary_cross_entropy_equals_its_definition_in_float64():
    x, y = np.asarray(LOGITS, np.float64), np.asarray(TARGETS, np.float64)
    p = 1 / (1 + np.exp(-x))
    wanted = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1)
    got = losses.binary_cross_entropy(LOGITS, TARGETS)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_cross_entropy_equals_scikit_learn():
    p = softmax(np.float64(LOGITS), axis=1)
    wanted = sklearn_metrics.log_loss(
        LABELS, p / p.sum(1, keepdims=True), labels=range(3)
    )
    np.testing.assert_allclose(
        losses.cross_entropy(LOGITS, LABELS).mean(), wanted, rtol=1e-6
    )


def test_cross_entropy_of_two_classes_is_the_binary_one():
    logit = LOGITS[:, 0]
    both = np.stack([np.zeros(2, np.float32), logit], axis=1)
    labels = np.array([1, 0])
    np.testing.assert_allclose(
        jax.jit(losses.cross_entropy)(both, labels),
        jax.jit(losses.binary_cross_entropy)(logit, labels),
        rtol=1e-6,
    )


def test_cross_entropy_of_one_hot_labels_equals_that_of_integers():
    soft = np.eye(3, dtype=np.float32)[LABELS]
    for smoothing in (0.0, 0.3):
        np.testing.assert_allclose(
            losses.cross_entropy(LOGITS, soft, label_smoothing=smoothing),
            losses.cross_entropy(LOGITS, LABELS, label_smoothing=smoothing),
            rtol=1e-6,
        )


def test_label_smoothing_mixes_in_the_uniform_distribution():
    log_p = log_softmax(LOGITS, axis=1)
    right = -log_p[[0, 1], LABELS]
    wanted = 0.8 * right + 0.2 * -log_p.mean(axis=1)
    got = losses.cross_entropy(LOGITS, LABELS, label_smoothing=0.2)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    smooth = losses.binary_cross_entropy(
        jnp.array([0.4]), jnp.array([1]), label_smoothing=0.2
    )
    soft = losses.binary_cross_entropy(jnp.array([0.4]), jnp.array([0.9]))
    np.testing.assert_allclose(smooth, soft, rtol=1e-6)


@pytest.mark.parametrize('smoothing', [0.0, 0.3])
def test_the_stated_derivatives_of_cross_entropy_are_those_of_its_formula(smoothing):
    def ours(logits):
        return losses.cross_entropy(logits, LABELS, label_smoothing=smoothing).mean()

    def formula(logits):
        logs = jax.nn.log_softmax(logits)
        right = jnp.take_along_axis(logs, LABELS[:, None], axis=1).mean()
        return -(1 - smoothing) * right - smoothing * logs.mean()

    logits = jnp.asarray(LOGITS)
    for derived in (jax.grad, jax.hessian):
        np.testing.assert_allclose(
            jax.jit(derived(ours))(logits),
            jax.jit(derived(formula))(logits),
            rtol=1e-5,
            atol=1e-7,
        )


def test_hinge_equals_scikit_learn():
    targets = 2 * TARGETS - 1
    wanted = sklearn_metrics.hinge_loss(targets.ravel(), LOGITS.ravel())
    got = losses.hinge(LOGITS.ravel(), targets.ravel()).mean()
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_multiclass_hinge_equals_scikit_learn():
    wanted = sklearn_metrics.hinge_loss(LABELS, LOGITS, labels=range(3))
    got = losses.multiclass_hinge(LOGITS, LABELS).mean()
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('loss', PAIRED)
def test_gradients_equal_finite_differences(loss):
    costs = jax.jit(lambda x: loss(x, TARGETS))
    check_grads(costs, (LOGITS,), order=1, modes=['rev'], eps=1e-2)


@pytest.mark.parametrize('loss', INDEXED)
def test_gradients_with_integer_labels_equal_finite_differences(loss):
    costs = jax.jit(lambda x: loss(x, LABELS))
    check_grads(costs, (LOGITS,), order=1, modes=['rev'], eps=1e-2)


@pytest.mark.parametrize('loss', [losses.binary_cross_entropy, losses.hinge])
def test_an_extreme_logit_costs_its_size_when_wrong_and_nothing_when_right(loss):
    logits = np.float32([1e4, -1e4])
    wrong, right = np.float32([-1.0, 1.0]), np.float32([1.0, -1.0])
    if loss is losses.binary_cross_entropy:
        wrong, right = (wrong + 1) / 2, (right + 1) / 2
    np.testing.assert_allclose(loss(logits, wrong), [1e4, 1e4], rtol=2e-4)
    np.testing.assert_array_equal(loss(logits, right), [0.0, 0.0])
    gradient = jax.jit(jax.grad(lambda x: loss(x, wrong).sum()))(logits)
    np.testing.assert_allclose(gradient, [1.0, -1.0])


@pytest.mark.parametrize('loss', INDEXED)
def test_extreme_logits_of_several_classes_stay_finite(loss):
    logits = np.float32([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]])
    costs = jax.jit(loss)(logits, LABELS)
    np.testing.assert_allclose(costs, [1e4, 0.0], rtol=2e-4)
    gradient = jax.jit(jax.grad(lambda x: loss(x, LABELS).sum()))(logits)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize('loss', PAIRED)
def test_a_column_never_meets_a_row(loss):
    with pytest.raises(ValueError, match=r'\(4, 1\) and \(4,\)'):
        loss(jnp.zeros((4, 1)), jnp.zeros(4))


@pytest.mark.parametrize('loss', INDEXED)
def test_labels_of_another_shape_or_type_are_refused(loss):
    with pytest.raises(ValueError, match=r'\(4, 1\)'):
        loss(jnp.zeros((4, 3)), jnp.zeros((4, 1), int))
    with pytest.raises(ValueError, match='labels'):
        loss(jnp.zeros((4, 3)), jnp.zeros(4))
    with pytest.raises(ValueError, match='classes'):
        loss(jnp.zeros(4), jnp.zeros(4, int))


@pytest.mark.others('heavy')
@pytest.mark.parametrize('loss', PAIRED)
def test_bfloat16_inputs_are_reduced_in_float32(loss):
    # 512 ones summed in bfloat16 would stop growing at 256.
    outputs = np.full((1, 512), -1.0, jnp.bfloat16)
    costs = jax.jit(loss)(outputs, np.ones((1, 512), jnp.bfloat16))
    assert costs.dtype == jnp.float32
    single = np.asarray(jax.jit(loss)(outputs[:, :1], np.ones((1, 1), np.float32)))
    np.testing.assert_allclose(costs, 512 * single, rtol=1e-5)


@pytest.mark.parametrize('loss', INDEXED)
def test_bfloat16_logits_are_reduced_in_float32(loss):
    logits = LOGITS.astype(jnp.bfloat16)
    costs = jax.jit(loss)(logits, LABELS)
    assert costs.dtype == jnp.float32
    wanted = jax.jit(loss)(logits.astype(np.float32), LABELS)
    np.testing.assert_allclose(costs, wanted)


@pytest.mark.parametrize('loss', PAIRED)
def test_padding_counts_nothing_and_has_no_gradient(loss):
    where = np.array([[True, False, True], [False, False, False]])

    def both(logits):
        costs = loss(logits, TARGETS, where=where)
        return costs.sum(), costs

    gradient, costs = jax.jit(jax.grad(both, has_aux=True))(LOGITS)
    (kept,) = np.asarray(jax.jit(loss)(LOGITS[:1, ::2], TARGETS[:1, ::2]))
    np.testing.assert_allclose(costs, [kept, 0.0], rtol=1e-6)
    assert (np.asarray(gradient)[~where] == 0).all()


@pytest.mark.parametrize('loss', PAIRED, ids=lambda loss: loss.__name__)
def test_a_position_counts_with_all_its_elements(loss):
    outputs, targets = np.stack([LOGITS, -LOGITS]), np.stack([TARGETS, TARGETS])
    where, costs = np.array([[True, False], [True, True]]), jax.jit(loss)
    each = np.asarray(costs(outputs.reshape(4, 3), targets.reshape(4, 3)))
    wanted = np.where(where, each.reshape(2, 2), 0.0).sum(1)
    np.testing.assert_allclose(costs(outputs, targets, where=where), wanted, rtol=1e-6)


def test_padding_of_a_sequence_counts_nothing_in_cross_entropy():
    logits = np.stack([LOGITS, 2 * LOGITS])
    labels = np.array([[2, 1], [0, 0]])
    where = np.array([[True, False], [False, False]])
    costs = jax.jit(losses.cross_entropy)(logits, labels, where=where)
    single = jax.jit(losses.cross_entropy)(LOGITS[:1], labels[0, :1])
    np.testing.assert_allclose(costs, [single[0], 0.0], rtol=1e-6)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r'where has shape \(3,\)'):
        losses.quadratic(LOGITS, TARGETS, where=jnp.ones(3))


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match='delta is 0'):
        losses.huber(LOGITS, TARGETS, delta=0)
    with pytest.raises(ValueError, match='label_smoothing is 1.5'):
        losses.cross_entropy(LOGITS, LABELS, label_smoothing=1.5)
    with pytest.raises(ValueError, match='label_smoothing is -1'):
        losses.binary_cross_entropy(LOGITS, TARGETS, label_smoothing=-1)
