"""The loss of unaligned labels against the enumeration of all alignments."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dljax.losses import ctc_loss
from tests.decoding.alignments import enumerated

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(5, 5, 4)).astype(np.float32)
LENGTHS = np.array([5, 4, 5, 3, 2], np.int32)
# Of other lengths, with repeats, and nothing at all.
LABELS = np.array([[1, 2, 3], [3, 3, 9], [2, 2, 1], [9, 9, 9], [1, 2, -5]], np.int32)
COUNTS = np.array([3, 2, 3, 0, 2], np.int32)


@functools.cache
def compiled(**settings):
    def loss(logits, labels, lengths, counts):
        return ctc_loss(
            logits, labels, lengths=lengths, label_lengths=counts, **settings
        )

    return jax.jit(loss)


@functools.cache
def differentiated(**settings):
    def total(logits, labels, lengths, counts):
        values = compiled(**settings)(logits, labels, lengths, counts)
        return values.sum(), values

    return jax.jit(jax.grad(total, has_aux=True))


def wanted(blank: int = 0, labels: np.ndarray = LABELS) -> list[float]:
    return [
        -np.log(enumerated(x[:frames], blank)[tuple(row[:count].tolist())])
        for x, row, frames, count in zip(LOGITS, labels, LENGTHS, COUNTS, strict=True)
    ]


def test_it_is_the_negative_log_of_the_sum_over_all_alignments() -> None:
    loss = compiled()(LOGITS, LABELS, LENGTHS, COUNTS)
    np.testing.assert_allclose(loss, wanted(), rtol=1e-5)
    assert loss.shape == (5,) and loss.dtype == jnp.float32


def test_any_class_may_be_the_blank() -> None:
    labels = np.where(LABELS == 3, 0, LABELS)
    loss = compiled(blank=3)(LOGITS, labels, LENGTHS, COUNTS)
    np.testing.assert_allclose(loss, wanted(3, labels), rtol=1e-5)


def test_without_lengths_everything_counts() -> None:
    labels = np.array([[1, 2, 3]] * 5)
    every = compiled()(LOGITS, labels, np.full(5, 5), np.full(5, 3))
    np.testing.assert_array_equal(jax.jit(ctc_loss)(LOGITS, labels), every)
    none = jax.jit(ctc_loss)(LOGITS, labels[:, :0])
    blanks = -np.asarray(jax.nn.log_softmax(LOGITS))[..., 0].sum(axis=1)
    np.testing.assert_allclose(none, blanks, rtol=1e-5)


def test_the_padding_changes_neither_the_loss_nor_the_gradient() -> None:
    gradient, loss = differentiated()(LOGITS, LABELS, LENGTHS, COUNTS)
    real = np.arange(5)[None, :, None] < LENGTHS[:, None, None]
    wild = np.where(real, LOGITS, np.float32(np.inf))
    named = np.arange(3)[None, :] < COUNTS[:, None]
    labels = np.where(named, LABELS, LABELS[:, :1])
    slope, other = differentiated()(wild, labels, LENGTHS, COUNTS)
    np.testing.assert_array_equal(loss, other)
    np.testing.assert_array_equal(gradient, slope)
    assert not np.asarray(gradient)[~real[..., 0]].any()
    assert np.asarray(gradient)[real[..., 0]].all()


def test_gradients_are_those_of_finite_differences() -> None:
    total = compiled()
    check_grads(
        lambda x: total(x, LABELS, LENGTHS, COUNTS), (LOGITS,), order=1, modes=['rev']
    )


def test_what_no_alignment_gives_is_infinite_without_a_gradient_or_skipped() -> None:
    # Two equal labels need three frames, three labels as many, one at least one.
    labels = np.array([[1, 1, 0], [1, 2, 3], [1, 0, 0], [1, 2, 0], [0, 0, 0]])
    counts, frames = np.array([2, 3, 1, 2, 0]), np.array([2, 2, 0, 2, 0])
    gradient, loss = differentiated()(LOGITS, labels, frames, counts)
    impossible = np.array([True, True, True, False, False])
    np.testing.assert_array_equal(np.isinf(loss), impossible)
    assert np.isfinite(gradient).all() and loss[4] == 0
    np.testing.assert_array_equal(
        np.abs(gradient).sum(axis=(1, 2)) == 0, [True, True, True, False, True]
    )
    skipped = compiled(skip_impossible=True)(LOGITS, labels, frames, counts)
    np.testing.assert_array_equal(skipped, np.where(impossible, 0, loss))


@pytest.mark.parametrize('row', [[0, 1], [4, 1], [-1, 1]])
def test_a_label_that_is_none_makes_its_example_nan(row: list[int]) -> None:
    labels, size = np.array([[1, 2], row, [2, 1], row, [3, 1]]), np.full(5, 5)
    counts = np.array([2, 2, 2, 0, 2])
    gradient, loss = differentiated()(LOGITS, labels, size, counts)
    strange = np.arange(5) == 1
    np.testing.assert_array_equal(np.isnan(loss), strange)
    np.testing.assert_array_equal(np.isnan(gradient).any(axis=(1, 2)), strange)


def test_a_length_that_is_none_makes_its_example_nan() -> None:
    labels = np.ones((5, 1), np.int32)
    frames, counts = np.array([6, -1, 5, 5, 5]), np.array([1, 0, 2, -1, 1])
    loss = compiled()(LOGITS, labels, frames, counts)
    np.testing.assert_array_equal(np.isnan(loss), [True] * 4 + [False])


def test_extreme_logits_give_extreme_but_finite_losses() -> None:
    labels = np.ones((1, 20), np.int32)
    frames, loss = np.arange(60) % 2, jax.jit(ctc_loss)
    frames[40:] = 0  # a one and a blank twenty times, and blanks
    sure = 1e4 * np.eye(4, dtype=np.float32)[frames][None]
    np.testing.assert_allclose(loss(sure, labels), 0, atol=1e-3)
    # Surely ones only: the 19 blanks between cost 10,000 each, whatever Optax skips.
    ones = 1e4 * np.eye(4, dtype=np.float32)[np.ones(60, int)][None]
    np.testing.assert_allclose(loss(ones, labels), 19e4, rtol=1e-3)
    labels = np.array([[1, 2, 3]])
    np.testing.assert_allclose(
        loss(LOGITS[:1].astype(jnp.bfloat16), labels),
        loss(LOGITS[:1], labels),
        rtol=0.02,
    )


def test_what_does_not_belong_together_is_refused() -> None:
    labels = np.ones((5, 2), np.int32)
    for call, message in (
        (lambda: ctc_loss(LOGITS[0], labels), r'logits have shape \(5, 4\)'),
        (lambda: ctc_loss(LOGITS, labels[:4]), r'labels are int32 of shape \(4, 2\)'),
        (lambda: ctc_loss(LOGITS, labels[:, 0]), r'labels are int32 of shape \(5,\)'),
        (lambda: ctc_loss(LOGITS, np.float32(labels)), 'labels are float32'),
        (lambda: ctc_loss(LOGITS, labels, blank=4), r'blank is 4, .*\[0, 4\)'),
        (lambda: ctc_loss(LOGITS, labels, blank=-1), 'blank is -1'),
        (
            lambda: ctc_loss(LOGITS, labels, lengths=np.ones((5, 1), int)),
            r'^lengths are int.* of shape \(5, 1\)',
        ),
        (
            lambda: ctc_loss(LOGITS, labels, label_lengths=np.ones(5, np.float32)),
            'label_lengths are float32',
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
