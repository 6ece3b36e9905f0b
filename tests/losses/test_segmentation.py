"""Losses of pixels: values worked by hand, twins of torch, limits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.ndimage import distance_transform_edt
from scipy.special import log_softmax, softmax

from dljax.losses import border_weights, cross_entropy, pixel_cross_entropy, soft_dice

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(3, 4, 5, 6)).astype(np.float32)
LABELS = RNG.integers(0, 6, (3, 4, 5)).astype(np.int32)
LOSSES = [pixel_cross_entropy, soft_dice]
weigh = jax.jit(border_weights, static_argnums=1)


def logarithms(*fractions: list[float]) -> np.ndarray:
    """Logits of one row of pixels."""
    return np.log(np.float32([[fractions]]))


def test_without_weights_it_is_the_cross_entropy_over_the_number_of_pixels() -> None:
    got = jax.jit(pixel_cross_entropy)(LOGITS, LABELS)
    wanted = np.asarray(jax.jit(cross_entropy)(LOGITS, LABELS)) / 20
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert got.shape == (3,) and got.dtype == jnp.float32


def test_class_weights_and_the_ignored_label_are_those_of_the_formula() -> None:
    table = np.asarray([0.5, 2.0, 1.0, 0.0, 3.0, 1.0])
    labels = np.where(RNG.uniform(size=LABELS.shape) < 0.3, 255, LABELS)
    logs = log_softmax(np.asarray(LOGITS, np.float64), axis=-1)
    wanted = []
    for log, label in zip(logs, labels, strict=True):
        log, label = log[label != 255], label[label != 255]
        right = log[np.arange(len(label)), label]
        wanted.append(-(table[label] * right).sum() / table[label].sum())
    loss = functools.partial(pixel_cross_entropy, class_weights=table, ignore=255)
    got = jax.jit(loss)(LOGITS, labels)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_a_pixel_of_double_weight_counts_twice_among_as_many() -> None:
    logits, labels = logarithms([0.5, 0.5], [0.75, 0.25]), np.array([[[0, 1]]])
    weights = np.float32([[[1.0, 2.0]]])
    got = jax.jit(pixel_cross_entropy)(logits, labels, weights=weights)
    np.testing.assert_allclose(got, (np.log(2) + 2 * np.log(4)) / 2, rtol=1e-6)


@pytest.mark.parametrize('loss', LOSSES)
def test_ignored_pixels_change_neither_the_loss_nor_the_gradient(loss) -> None:
    where = RNG.uniform(size=LABELS.shape) < 0.6
    where[2] = False
    wild = np.where(where[..., None], LOGITS, np.inf).astype(np.float32)
    labels = np.where(where, LABELS, -1)
    wanted = jax.jit(loss)(LOGITS, LABELS, where=where)
    for options in ({'where': where}, {'ignore': -1}):

        def costs(x: jax.Array, options: dict = options) -> tuple:
            value = loss(x, labels, **options)
            return value.sum(), value

        gradient, value = jax.tree.map(
            np.asarray, jax.jit(jax.grad(costs, has_aux=True))(wild)
        )
        np.testing.assert_allclose(value, wanted, rtol=1e-6)
        assert value[2] == 0 and (value[:2] > 0).all()
        assert (gradient[~where] == 0).all() and (gradient[where] != 0).all()


@pytest.mark.parametrize('loss', LOSSES)
def test_gradients_are_those_of_finite_differences(loss) -> None:
    costs = jax.jit(lambda x: loss(x, LABELS))
    check_grads(costs, (LOGITS,), order=1, modes=['rev'])


@pytest.mark.parametrize('loss', LOSSES)
def test_extreme_logits_give_extreme_but_finite_losses(loss) -> None:
    sure, costs = 1e4 * np.eye(6, dtype=np.float32)[LABELS], jax.jit(loss)
    np.testing.assert_allclose(costs(sure, LABELS), 0, atol=1e-6)
    wrong = 1e4 if loss is pixel_cross_entropy else 1.0
    np.testing.assert_allclose(costs(sure, (LABELS + 1) % 6), wrong, rtol=1e-6)
    coarse = costs(LOGITS.astype(jnp.bfloat16), LABELS)
    assert coarse.dtype == jnp.float32
    np.testing.assert_allclose(coarse, costs(LOGITS, LABELS), rtol=0.02)


def test_soft_dice_is_that_of_the_formula_class_by_class() -> None:
    chance = softmax(np.float64(LOGITS), axis=-1)
    wanted = []
    for p, label in zip(chance, LABELS, strict=True):
        each = []
        for kind in np.unique(label):  # a class that is not there does not count
            g = (label == kind).astype(float)
            q = p[..., kind]
            each.append(1 - 2 * (q * g).sum() / ((q**2).sum() + (g**2).sum()))
        wanted.append(np.mean(each))
    got = jax.jit(soft_dice)(LOGITS, LABELS)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_soft_dice_weighs_a_small_class_as_a_large_one() -> None:
    """All background: half right by Dice, though 15 of 16 pixels are."""
    labels, logits = np.zeros((1, 4, 4), int), np.zeros((1, 4, 4, 2), np.float32)
    labels[0, 0, 0], logits[..., 0] = 1, 50
    background = 1 - 2 * 15 / (16 + 15)
    got = jax.jit(soft_dice)(logits, labels)
    np.testing.assert_allclose(got, (1 + background) / 2, rtol=1e-5)


def test_border_weights_are_those_of_exact_distances() -> None:
    instance = np.zeros((2, 9, 13), np.int32)
    instance[0, 1:4, 1:4], instance[0, 5:8, 3:5], instance[0, 2, 9:12] = 1, 2, 4
    instance[1, 0, 0], instance[1, 8, 12] = 3, 1
    wanted = []
    for scene in instance:
        gaps = [
            distance_transform_edt(scene != number)
            for number in np.unique(scene[scene > 0])
        ]
        first, second = np.sort(gaps, axis=0)[:2]
        wanted.append(1 + 10 * np.exp(-((first + second) ** 2) / (2 * 5.0**2)))
    got = weigh(instance, 4)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    assert np.max(got[0]) > 5


def test_one_object_has_no_border_with_another() -> None:
    instance = np.zeros((1, 6, 6), np.int32)
    instance[0, 2, 2] = 1
    for objects in (1, 3):
        np.testing.assert_array_equal(weigh(instance, objects), 1.0)
    np.testing.assert_array_equal(weigh(0 * instance, 3), 1.0)


def test_what_does_not_belong_together_is_refused() -> None:
    for loss in LOSSES:
        with pytest.raises(ValueError, match='labels are int32 of shape'):
            loss(LOGITS, LABELS[:, 1:])
        with pytest.raises(ValueError, match='labels are float32'):
            loss(LOGITS, LABELS.astype(np.float32))
        with pytest.raises(ValueError, match='where has shape'):
            loss(LOGITS, LABELS, where=LABELS[0] > 0)
    with pytest.raises(ValueError, match='class_weights have shape'):
        pixel_cross_entropy(LOGITS, LABELS, class_weights=[1.0])
    with pytest.raises(ValueError, match='weights have shape'):
        pixel_cross_entropy(LOGITS, LABELS, weights=np.ones((3, 4)))
    with pytest.raises(ValueError, match='instance is float32'):
        border_weights(np.ones((1, 2, 2), np.float32), 2)
    with pytest.raises(ValueError, match='deviation=0'):
        border_weights(LABELS, 2, deviation=0)
