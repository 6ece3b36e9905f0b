"""Targets out of range give NaN, never a plausible number."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.special import softmax

from dljax import losses
from dljax.losses.surprise import surprise
from dljax.metrics import accuracy, confusion_matrix, top_k_accuracy

LOGITS = np.float32([[0.3, -1.0, 2.0], [1.0, 0.5, -0.5], [0.0, 0.0, 1.0]])
PIXELS = np.broadcast_to(LOGITS[:, None, None], (3, 2, 2, 3))
COUNTED = {
    'cross_entropy': losses.cross_entropy,
    'smoothed': functools.partial(losses.cross_entropy, label_smoothing=0.1),
    'hinge': losses.multiclass_hinge,
    'surprise': surprise,
}
PIXEL_LOSSES = {
    'weighed': functools.partial(
        losses.pixel_cross_entropy, class_weights=(1.0, 0.0, 2.0)
    ),
    'dice': losses.soft_dice,
    'cross_entropy': losses.pixel_cross_entropy,
}


@functools.cache
def compiled(loss):
    def costs(outputs, targets):
        value = loss(outputs, targets)
        return value.sum(), value

    # Compiled: it simplifies some products, in which NaN is lost.
    return jax.jit(jax.grad(costs, has_aux=True))


def of_first(loss, outputs, targets):
    """The value and the gradient of each example by its own outputs, compiled."""
    gradient, value = map(np.asarray, compiled(loss)(outputs, targets))
    return value, gradient.reshape(len(outputs), -1)


def only_the_first_is_nan(value, gradient):
    assert_array_equal(np.isnan(value), [True, False, False])
    assert np.isnan(gradient[0]).any()
    assert np.isfinite(gradient[1:]).all()


@pytest.mark.parametrize('bad', [-1, 3, 255])
@pytest.mark.parametrize('name', COUNTED)
def test_a_label_of_no_class_makes_value_and_gradient_nan(name, bad):
    value, gradient = of_first(COUNTED[name], LOGITS, np.array([bad, 0, 2]))
    only_the_first_is_nan(value, gradient)
    # Of the hinge's derivatives, flags, the compiler keeps the one that is not 0.
    assert name == 'hinge' or np.isnan(gradient[0]).all()


@pytest.mark.parametrize('dtype', ['uint8', 'int8', 'int32'])
def test_a_small_type_of_labels_does_not_hide_what_is_out_of_range(dtype):
    logits = np.zeros((2, 300), np.float32)
    value = jax.jit(losses.cross_entropy)(logits, np.array([0, -1]).astype(dtype))
    expected = [False, dtype != 'uint8']  # as uint8 it is class 255, which there is
    assert_array_equal(np.isnan(value), expected)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('bad', [-1, 3])
@pytest.mark.parametrize('name', PIXEL_LOSSES)
def test_a_pixel_of_no_class_makes_its_image_nan_unless_ignored(name, bad):
    labels = np.zeros((3, 2, 2), int)
    labels[0, 1, 1] = bad
    only_the_first_is_nan(*of_first(PIXEL_LOSSES[name], PIXELS, labels))
    spared = functools.partial(PIXEL_LOSSES[name], ignore=bad)
    assert all(np.isfinite(x).all() for x in of_first(spared, PIXELS, labels))


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('bad', [1.01, -1.0, 255.0])
def test_targets_beyond_the_unit_interval_make_binary_losses_nan(bad):
    targets = np.full((3, 3), 0.5, np.float32)
    targets[0, 1] = bad
    binomial = functools.partial(losses.binomial_loss, trials=4)
    for loss in (losses.binary_cross_entropy, binomial):
        value, gradient = of_first(loss, LOGITS, targets)
        assert_array_equal(np.isnan(value), [True, False, False])
        assert np.isnan(gradient[0, 1])
        assert np.isfinite(gradient[1:]).all()


def test_rounding_at_the_ends_of_the_unit_interval_is_allowed():
    targets = np.float32([[1 + 1e-6, -1e-6]])
    costs = jax.jit(losses.binary_cross_entropy)(np.zeros((1, 2), np.float32), targets)
    assert np.isfinite(costs).all()


@pytest.mark.parametrize('bad', [[0.5, 0.4, 0.4], [1.2, -0.2, 0.0], [0.0, 0.0, 0.0]])
@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_soft_labels_that_are_no_distribution_make_nan(bad, smoothing):
    labels = np.full((3, 3), 1 / 3, np.float32)
    labels[0] = bad
    loss = functools.partial(losses.cross_entropy, label_smoothing=smoothing)
    only_the_first_is_nan(*of_first(loss, LOGITS, labels))


@pytest.mark.parametrize('bad', [0, 2])
def test_hinge_targets_other_than_one_and_minus_one_make_nan(bad):
    targets = np.array([bad, 1, -1])
    value, gradient = of_first(losses.hinge, LOGITS[:, 0], targets)
    only_the_first_is_nan(value, gradient)


@pytest.mark.others('heavy')
@pytest.mark.parametrize(
    'loss, outputs, targets',
    [
        (losses.cross_entropy, PIXELS[:, 0], np.array([[0, -1]] * 3)),
        (losses.multiclass_hinge, PIXELS[:, 0], np.array([[0, 9]] * 3)),
        (losses.binary_cross_entropy, LOGITS[:, :2], np.array([[0, -1]] * 3)),
        (losses.hinge, LOGITS[:, :2], np.array([[1, 0]] * 3)),
        (
            functools.partial(losses.cross_entropy, label_smoothing=0.1),
            PIXELS[:, 0],
            np.array([[0, 9]] * 3),
        ),
    ],
)
def test_padding_may_be_labelled_by_anything(loss, outputs, targets):
    where = np.array([[True, False]] * 3)
    masked = functools.partial(loss, where=where)
    value, gradient = of_first(masked, outputs, targets)
    assert np.isfinite(value).all() and np.isfinite(gradient).all()
    assert np.isnan(jax.jit(loss)(outputs, targets)).all()


def test_an_action_that_there_is_none_of_makes_nan():
    for bad in (-1, 3):
        taken = of_first(losses.action_values, LOGITS, np.array([bad, 0, 2]))
        only_the_first_is_nan(*taken)


def test_actions_that_are_no_integers_are_refused():
    with pytest.raises(ValueError, match='wanted integers'):
        losses.action_values(LOGITS, np.zeros(3, np.float32))


def test_a_code_that_leaves_the_unit_interval_has_no_divergence():
    code = np.float32([[0.1, 1.5], [0.2, 0.0]])
    found = jax.jit(losses.activation_divergence)(code)
    assert_array_equal(np.isnan(found), [False, True])


@pytest.mark.others('heavy')
@pytest.mark.parametrize('objects', [2, 1])
def test_an_instance_that_was_not_counted_has_no_border(objects):
    maps = np.zeros((3, 2, 2), int)
    maps[0, 0, 0], maps[1, 0, 0] = 3, -1
    weigh = jax.jit(losses.border_weights, static_argnums=1)
    found = np.isnan(weigh(maps, objects)).all((1, 2))
    assert_array_equal(found, [True, True, False])


def test_the_accuracy_of_a_label_of_no_class_is_nan():
    one, two = jax.jit(accuracy), jax.jit(functools.partial(top_k_accuracy, k=2))
    for bad in (-1, 3):
        labels = np.array([bad, 0, 2])
        for found in (one(LOGITS, labels), two(LOGITS, labels)):
            assert_array_equal(np.isnan(found), [True, False, False])
    single = one(LOGITS[:, :1], np.array([-1, 1, 0]))
    assert_array_equal(np.isnan(single), [True, False, False])


def test_what_does_not_count_may_be_of_no_class():
    labels, where = np.array([[0, -1]] * 3), np.array([[True, False]] * 3)
    found = jax.jit(accuracy)(PIXELS[:, 0], labels, where=where)
    assert_array_equal(found, [0.0, 1.0, 0.0])


def test_a_table_of_labels_of_no_class_is_refused_outside_of_jit():
    predictions, labels = np.array([0, 1]), np.array([0, -1])
    with pytest.raises(ValueError, match=r'labels are from -1 to 0.*\[0, 2\)'):
        confusion_matrix(predictions, labels, classes=2)
    with pytest.raises(ValueError, match='predictions are from 0 to 1'):
        confusion_matrix(predictions, predictions, classes=1)
    table = confusion_matrix(predictions, labels, classes=2, where=labels >= 0)
    assert_array_equal(table, [[1, 0], [0, 0]])


def test_second_derivatives_of_good_labels_stand():
    curve = jax.jit(jax.hessian(lambda x: surprise(x, jnp.int32(1))))(LOGITS[0])
    chance = softmax(LOGITS[0])
    expected = np.diag(chance) - np.outer(chance, chance)
    np.testing.assert_allclose(curve, expected, atol=1e-6)
