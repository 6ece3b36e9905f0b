"""Losses of pixels: values worked by hand, twins of torch, limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.ndimage import distance_transform_edt
from scipy.special import log_softmax

from dljax.losses import border_weights, cross_entropy, pixel_cross_entropy, soft_dice

RNG = np.random.default_rng(0)
LOGITS = jnp.asarray(RNG.normal(size=(3, 4, 5, 6)), jnp.float32)
LABELS = jnp.asarray(RNG.integers(0, 6, (3, 4, 5)), jnp.int32)
LOSSES = [pixel_cross_entropy, soft_dice]


def logarithms(*shares: list[float]) -> jax.Array:
    """Logits of one row of pixels."""
    return jnp.log(jnp.asarray([[shares]], jnp.float32))


def test_without_weights_it_is_the_cross_entropy_over_the_number_of_pixels() -> None:
    got = pixel_cross_entropy(LOGITS, LABELS)
    np.testing.assert_allclose(got, cross_entropy(LOGITS, LABELS) / 20, rtol=1e-6)
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
    got = pixel_cross_entropy(LOGITS, labels, class_weights=table, ignore=255)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_a_pixel_of_double_weight_counts_twice_among_as_many() -> None:
    logits, labels = logarithms([0.5, 0.5], [0.75, 0.25]), jnp.asarray([[[0, 1]]])
    weights = jnp.asarray([[[1.0, 2.0]]])
    got = pixel_cross_entropy(logits, labels, weights=weights)
    np.testing.assert_allclose(got, (np.log(2) + 2 * np.log(4)) / 2, rtol=1e-6)


@pytest.mark.parametrize('loss', LOSSES)
def test_ignored_pixels_change_neither_the_loss_nor_the_gradient(loss) -> None:
    where = jnp.asarray(RNG.uniform(size=LABELS.shape) < 0.6).at[2].set(False)
    wild = jnp.where(where[..., None], LOGITS, jnp.inf)
    labels = jnp.where(where, LABELS, -1)
    for options in ({'where': where}, {'ignore': -1}):
        value = loss(wild, labels, **options)
        np.testing.assert_allclose(value, loss(LOGITS, LABELS, where=where), rtol=1e-6)
        assert value[2] == 0 and (value[:2] > 0).all()
        slope = jax.grad(lambda x: loss(x, labels, **options).sum())(wild)  # noqa: B023
        assert (slope[~where] == 0).all() and (slope[where] != 0).all()


@pytest.mark.parametrize('loss', LOSSES)
def test_gradients_are_those_of_finite_differences(loss) -> None:
    check_grads(lambda x: loss(x, LABELS), (LOGITS,), order=1, modes=['rev'])


@pytest.mark.parametrize('loss', LOSSES)
def test_extreme_logits_give_extreme_but_finite_losses(loss) -> None:
    sure = 1e4 * jax.nn.one_hot(LABELS, 6)
    np.testing.assert_allclose(loss(sure, LABELS), 0, atol=1e-6)
    wrong = 1e4 if loss is pixel_cross_entropy else 1.0
    np.testing.assert_allclose(loss(sure, (LABELS + 1) % 6), wrong, rtol=1e-6)
    coarse = loss(LOGITS.astype(jnp.bfloat16), LABELS)
    assert coarse.dtype == jnp.float32
    np.testing.assert_allclose(coarse, loss(LOGITS, LABELS), rtol=0.02)


def test_soft_dice_is_that_of_the_formula_class_by_class() -> None:
    chance = np.asarray(jax.nn.softmax(LOGITS), np.float64)
    wanted = []
    for p, label in zip(chance, np.asarray(LABELS), strict=True):
        each = []
        for kind in np.unique(label):  # a class that is not there does not count
            g = (label == kind).astype(float)
            q = p[..., kind]
            each.append(1 - 2 * (q * g).sum() / ((q**2).sum() + (g**2).sum()))
        wanted.append(np.mean(each))
    np.testing.assert_allclose(soft_dice(LOGITS, LABELS), wanted, rtol=1e-5)


def test_soft_dice_weighs_a_small_class_as_a_large_one() -> None:
    """All background: half right by Dice, though 15 of 16 pixels are."""
    labels = jnp.zeros((1, 4, 4), jnp.int32).at[0, 0, 0].set(1)
    logits = jnp.stack([jnp.full((1, 4, 4), 50.0), jnp.zeros((1, 4, 4))], -1)
    background = 1 - 2 * 15 / (16 + 15)
    np.testing.assert_allclose(
        soft_dice(logits, labels), (1 + background) / 2, rtol=1e-5
    )


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
    got = jax.jit(border_weights, static_argnums=1)(jnp.asarray(instance), 4)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    assert got[0].max() > 5


def test_one_object_has_no_border_with_another() -> None:
    instance = jnp.zeros((1, 6, 6), jnp.int32).at[0, 2, 2].set(1)
    for objects in (1, 3):
        np.testing.assert_array_equal(border_weights(instance, objects), 1.0)
    np.testing.assert_array_equal(border_weights(0 * instance, 3), 1.0)


def test_what_does_not_belong_together_is_refused() -> None:
    for loss in LOSSES:
        with pytest.raises(ValueError, match='labels are int32 of shape'):
            loss(LOGITS, LABELS[:, 1:])
        with pytest.raises(ValueError, match='labels are float32'):
            loss(LOGITS, LABELS.astype(jnp.float32))
        with pytest.raises(ValueError, match='where has shape'):
            loss(LOGITS, LABELS, where=LABELS[0] > 0)
    with pytest.raises(ValueError, match='class_weights have shape'):
        pixel_cross_entropy(LOGITS, LABELS, class_weights=[1.0])
    with pytest.raises(ValueError, match='weights have shape'):
        pixel_cross_entropy(LOGITS, LABELS, weights=jnp.ones((3, 4)))
    with pytest.raises(ValueError, match='instance is float32'):
        border_weights(jnp.ones((1, 2, 2)), 2)
    with pytest.raises(ValueError, match='deviation=0'):
        border_weights(LABELS, 2, deviation=0)
