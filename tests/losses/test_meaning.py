"""Targets out of range give NaN, never a plausible number."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dljax import losses
from dljax.losses.surprise import surprise
from dljax.metrics import accuracy, confusion_matrix, top_k_accuracy

LOGITS = jnp.array([[0.3, -1.0, 2.0], [1.0, 0.5, -0.5], [0.0, 0.0, 1.0]])
PIXELS = jnp.broadcast_to(LOGITS[:, None, None], (3, 2, 2, 3))
COUNTED = {
    'cross_entropy': losses.cross_entropy,
    'smoothed': functools.partial(losses.cross_entropy, label_smoothing=0.1),
    'hinge': losses.multiclass_hinge,
    'surprise': surprise,
}
PIXEL_LOSSES = {
    'cross_entropy': losses.pixel_cross_entropy,
    'weighed': functools.partial(
        losses.pixel_cross_entropy, class_weights=(1.0, 0.0, 2.0)
    ),
    'dice': losses.soft_dice,
}


def of_first(loss, outputs, targets):
    """The value and the gradient of each example by its own outputs, compiled."""

    @jax.jit  # simplifies some products, in which NaN is lost
    def both(outputs, targets):
        gradient = jax.grad(lambda x: loss(x, targets).sum())(outputs)
        return loss(outputs, targets), gradient.reshape(len(outputs), -1)

    return both(outputs, targets)


def only_the_first_is_nan(value, gradient):
    assert_array_equal(jnp.isnan(value), [True, False, False])
    assert jnp.isnan(gradient[0]).any()
    assert jnp.isfinite(gradient[1:]).all()


@pytest.mark.parametrize('bad', [-1, 3, 255])
@pytest.mark.parametrize('name', COUNTED)
def test_a_label_of_no_class_makes_value_and_gradient_nan(name, bad):
    value, gradient = of_first(COUNTED[name], LOGITS, jnp.array([bad, 0, 2]))
    only_the_first_is_nan(value, gradient)
    # Of the hinge's slopes, flags, the compiler keeps the one that is not 0.
    assert name == 'hinge' or jnp.isnan(gradient[0]).all()


@pytest.mark.parametrize('dtype', ['uint8', 'int8', 'int32'])
def test_a_small_type_of_labels_does_not_hide_what_is_out_of_range(dtype):
    logits = jnp.zeros((2, 300))
    value = losses.cross_entropy(logits, jnp.array([0, -1]).astype(dtype))
    expected = [False, dtype != 'uint8']  # as uint8 it is class 255, which there is
    assert_array_equal(jnp.isnan(value), expected)


@pytest.mark.parametrize('bad', [-1, 3])
@pytest.mark.parametrize('name', PIXEL_LOSSES)
def test_a_pixel_of_no_class_makes_its_image_nan_unless_ignored(name, bad):
    labels = jnp.zeros((3, 2, 2), int).at[0, 1, 1].set(bad)
    only_the_first_is_nan(*of_first(PIXEL_LOSSES[name], PIXELS, labels))
    spared = functools.partial(PIXEL_LOSSES[name], ignore=bad)
    assert all(jnp.isfinite(x).all() for x in of_first(spared, PIXELS, labels))


@pytest.mark.parametrize('bad', [-1.0, 1.01, 255.0])
def test_targets_beyond_the_unit_interval_make_binary_losses_nan(bad):
    targets = jnp.full((3, 3), 0.5).at[0, 1].set(bad)
    binomial = functools.partial(losses.binomial_loss, trials=4)
    for loss in (losses.binary_cross_entropy, binomial):
        value, gradient = of_first(loss, LOGITS, targets)
        assert_array_equal(jnp.isnan(value), [True, False, False])
        assert jnp.isnan(gradient[0, 1])
        assert jnp.isfinite(gradient[1:]).all()


def test_rounding_at_the_ends_of_the_unit_interval_is_allowed():
    targets = jnp.array([[1 + 1e-6, -1e-6]])
    assert jnp.isfinite(losses.binary_cross_entropy(jnp.zeros((1, 2)), targets)).all()


@pytest.mark.parametrize('bad', [[0.5, 0.4, 0.4], [1.2, -0.2, 0.0], [0.0, 0.0, 0.0]])
@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_soft_labels_that_are_no_distribution_make_nan(bad, smoothing):
    labels = jnp.full((3, 3), 1 / 3).at[0].set(jnp.array(bad))
    loss = functools.partial(losses.cross_entropy, label_smoothing=smoothing)
    only_the_first_is_nan(*of_first(loss, LOGITS, labels))


@pytest.mark.parametrize('bad', [0, 2])
def test_hinge_targets_other_than_one_and_minus_one_make_nan(bad):
    targets = jnp.array([bad, 1, -1])
    value, gradient = of_first(losses.hinge, LOGITS[:, 0], targets)
    only_the_first_is_nan(value, gradient)


@pytest.mark.parametrize(
    'loss, outputs, targets',
    [
        (losses.cross_entropy, PIXELS[:, 0], jnp.array([[0, -1]] * 3)),
        (losses.multiclass_hinge, PIXELS[:, 0], jnp.array([[0, 9]] * 3)),
        (losses.binary_cross_entropy, LOGITS[:, :2], jnp.array([[0, -1]] * 3)),
        (losses.hinge, LOGITS[:, :2], jnp.array([[1, 0]] * 3)),
        (
            functools.partial(losses.cross_entropy, label_smoothing=0.1),
            PIXELS[:, 0],
            jnp.array([[0, 9]] * 3),
        ),
    ],
)
def test_padding_may_be_labelled_by_anything(loss, outputs, targets):
    where = jnp.array([[True, False]] * 3)
    masked = functools.partial(loss, where=where)
    value, gradient = of_first(masked, outputs, targets)
    assert jnp.isfinite(value).all() and jnp.isfinite(gradient).all()
    assert jnp.isnan(loss(outputs, targets)).all()


def test_an_action_that_there_is_none_of_makes_nan():
    for bad in (-1, 3):
        taken = of_first(losses.action_values, LOGITS, jnp.array([bad, 0, 2]))
        only_the_first_is_nan(*taken)


def test_actions_that_are_no_integers_are_refused():
    with pytest.raises(ValueError, match='wanted integers'):
        losses.action_values(LOGITS, jnp.zeros(3))


def test_a_code_that_leaves_the_unit_interval_has_no_divergence():
    found = losses.activation_divergence(jnp.array([[0.1, 1.5], [0.2, 0.0]]))
    assert_array_equal(jnp.isnan(found), [False, True])


@pytest.mark.parametrize('objects', [1, 2])
def test_an_instance_that_was_not_counted_has_no_border(objects):
    maps = jnp.zeros((3, 2, 2), int).at[0, 0, 0].set(3).at[1, 0, 0].set(-1)
    found = jnp.isnan(losses.border_weights(maps, objects)).all((1, 2))
    assert_array_equal(found, [True, True, False])


def test_the_accuracy_of_a_label_of_no_class_is_nan():
    for bad in (-1, 3):
        labels = jnp.array([bad, 0, 2])
        for found in (accuracy(LOGITS, labels), top_k_accuracy(LOGITS, labels, k=2)):
            assert_array_equal(jnp.isnan(found), [True, False, False])
    single = accuracy(LOGITS[:, :1], jnp.array([-1, 1, 0]))
    assert_array_equal(jnp.isnan(single), [True, False, False])


def test_what_does_not_count_may_be_of_no_class():
    labels, where = jnp.array([[0, -1]] * 3), jnp.array([[True, False]] * 3)
    found = accuracy(PIXELS[:, 0], labels, where=where)
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
    curve = jax.hessian(lambda x: surprise(x, jnp.int32(1)))(LOGITS[0])
    chance = jax.nn.softmax(LOGITS[0])
    expected = jnp.diag(chance) - jnp.outer(chance, chance)
    np.testing.assert_allclose(curve, expected, atol=1e-6)
