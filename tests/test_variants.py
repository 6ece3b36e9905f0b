"""Losses, metrics, rules and layers give the values of NumPy, with jit and without.

Without jit an array has a value where it can be looked at, and NumPy's arrays come in
as they are; both ways are what a user may take, and may differ in silence.
"""

from collections.abc import Callable

import chex
import numpy as np
from absl.testing import parameterized

from dljax import layers, losses, metrics, rules

DRAW = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return DRAW.normal(size=shape).astype(np.float32)


def softmax(x: np.ndarray) -> np.ndarray:
    exponents = np.exp(x - x.max(-1, keepdims=True))
    return exponents / exponents.sum(-1, keepdims=True)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


LOGITS, TARGETS, SPREAD = normal(4, 3), normal(4, 3), normal(4, 3)
LABELS = np.array([2, 0, 1, 2])
BITS = (TARGETS > 0).astype(np.float32)
IMAGES, OTHERS = sigmoid(normal(2, 8, 8, 2)), sigmoid(normal(2, 8, 8, 2))
COUNTS = np.array([[5, 1, 0], [2, 6, 1], [0, 0, 4]], np.int32)
POINTS, CENTRES = normal(6, 2), normal(4, 2)
GRID = np.float32([[0, 0], [1, 0], [0, 1], [1, 1]])
ROWS = np.arange(4)
HIT = np.diag(COUNTS)
GAPS = np.square(POINTS[:, None] - CENTRES).sum(-1)
NEAREST = np.exp(-0.5 * np.square(GRID[:, None] - GRID).sum(-1))[GAPS.argmin(1)]
KERNEL, HIDDEN, VISIBLE = normal(3, 2), normal(2), normal(3)
QUERY, READ, VALUES = normal(2, 3, 1, 4), normal(2, 3, 1, 4), normal(2, 3, 1, 4)
SCORES = np.einsum('bshf,bthf->bhst', QUERY, READ) / 2
FRAMES = normal(4, 2, 3)  # of which the label is to be told in two


def gates(visible: np.ndarray) -> np.ndarray:
    return sigmoid(visible @ KERNEL + HIDDEN)


def windows(reduce: Callable[..., np.ndarray]) -> np.ndarray:
    return reduce(IMAGES.reshape(2, 4, 2, 4, 2, 2), axis=(2, 4))


OUTPUTS = LOGITS @ normal(3, 2)
STEPS = np.where(OUTPUTS > 0, 1.0, -1.0).astype(np.float32)
SIGNS = np.float32([[1, -1], [-1, -1], [1, 1], [-1, 1]])
BETWEEN = TARGETS - LOGITS

CASES = (
    (
        'cross_entropy',
        lambda x: losses.cross_entropy(x, LABELS),
        LOGITS,
        -np.log(softmax(LOGITS)[ROWS, LABELS]),
    ),
    (
        'binary_cross_entropy',
        lambda x: losses.binary_cross_entropy(x, BITS),
        LOGITS,
        (np.log1p(np.exp(LOGITS)) - BITS * LOGITS).sum(1),
    ),
    (
        'sum_squared_error',
        lambda x: losses.sum_squared_error(x, TARGETS),
        LOGITS,
        np.square(BETWEEN).sum(1),
    ),
    (
        'quadratic',
        lambda x: losses.quadratic(x, TARGETS),
        LOGITS,
        0.5 * np.square(BETWEEN).sum(1),
    ),
    (
        'huber',
        lambda x: losses.huber(x, TARGETS, delta=0.5),
        LOGITS,
        np.where(
            np.abs(BETWEEN) <= 0.5,
            0.5 * BETWEEN**2,
            0.5 * (np.abs(BETWEEN) - 0.25),
        ).sum(1),
    ),
    (
        'hinge',
        lambda x: losses.hinge(x, 2 * BITS - 1),
        LOGITS,
        np.maximum(0, 1 - (2 * BITS - 1) * LOGITS).sum(1),
    ),
    (
        'multiclass_hinge',
        lambda x: losses.multiclass_hinge(x, LABELS),
        LOGITS,
        np.maximum(
            0,
            1
            + np.where(np.eye(3)[LABELS] == 1, -np.inf, LOGITS).max(1)
            - LOGITS[ROWS, LABELS],
        ),
    ),
    (
        # One label in two frames: itself twice, or beside a blank.
        'ctc_loss',
        lambda x: losses.ctc_loss(x, np.full((4, 1), 2)),
        FRAMES,
        -np.log(
            softmax(FRAMES)[:, 0, 2] * softmax(FRAMES)[:, 1, [0, 2]].sum(-1)
            + softmax(FRAMES)[:, 0, 0] * softmax(FRAMES)[:, 1, 2]
        ),
    ),
    (
        'gaussian_log_density',
        lambda x: losses.gaussian_log_density(x, TARGETS, SPREAD),
        LOGITS,
        -0.5 * (np.log(2 * np.pi) + SPREAD + BETWEEN**2 / np.exp(SPREAD)).sum(1),
    ),
    (
        'gaussian_divergence',
        lambda x: losses.gaussian_divergence(x, SPREAD),
        LOGITS,
        0.5 * (np.exp(SPREAD) + LOGITS**2 - 1 - SPREAD).sum(1),
    ),
    (
        'absolute_activation',
        losses.absolute_activation,
        LOGITS,
        np.abs(LOGITS).sum(1),
    ),
    (
        'gradient_penalty',
        losses.gradient_penalty,
        LOGITS,
        np.square(np.linalg.norm(LOGITS, axis=1) - 1),
    ),
    ('r1_penalty', losses.r1_penalty, LOGITS, 0.5 * np.square(LOGITS).sum(1)),
    (
        'accuracy',
        lambda x: metrics.accuracy(x, LABELS),
        LOGITS,
        (LOGITS.argmax(1) == LABELS).astype(np.float32),
    ),
    (
        'perplexity',
        lambda x: metrics.perplexity(x, LABELS),
        LOGITS[:, 0],
        np.exp(LOGITS[:, 0].sum() / LABELS.sum()),
    ),
    (
        'token_accuracy',
        lambda x: metrics.token_accuracy(x, COUNTS.T, where=COUNTS > 0),
        COUNTS,
        ((COUNTS == COUNTS.T) & (COUNTS > 0)).sum(1) / (COUNTS > 0).sum(1),
    ),
    ('precision', metrics.precision, COUNTS, HIT / COUNTS.sum(0)),
    ('recall', metrics.recall, COUNTS, HIT / COUNTS.sum(1)),
    ('f1', metrics.f1, COUNTS, 2 * HIT / (COUNTS.sum(0) + COUNTS.sum(1))),
    (
        'balanced_accuracy',
        metrics.balanced_accuracy,
        COUNTS,
        (HIT / COUNTS.sum(1)).mean(),
    ),
    (
        'intersection_over_union',
        metrics.intersection_over_union,
        COUNTS,
        HIT / (COUNTS.sum(0) + COUNTS.sum(1) - HIT),
    ),
    ('pixel_accuracy', metrics.pixel_accuracy, COUNTS, HIT.sum() / COUNTS.sum()),
    (
        'psnr',
        lambda x: metrics.psnr(x, OTHERS, data_range=1.0),
        IMAGES,
        -10 * np.log10(np.square(IMAGES - OTHERS).mean((1, 2, 3))),
    ),
    (
        'absolute_error',
        lambda x: metrics.absolute_error(x, TARGETS),
        LOGITS,
        np.abs(BETWEEN).mean(1),
    ),
    (
        'quantisation_error',
        metrics.quantisation_error,
        GAPS,
        np.sqrt(GAPS.min(1)),
    ),
    (
        'active_fraction',
        metrics.active_fraction,
        LOGITS,
        np.square(np.abs(LOGITS).mean(1)) / np.square(LOGITS).mean(1),
    ),
    (
        'perceptron',
        lambda y: rules.perceptron(LOGITS, SIGNS, y),
        STEPS,
        {
            'kernel': -LOGITS.T @ (SIGNS - STEPS) / 4,
            'bias': -(SIGNS - STEPS).mean(0),
        },
    ),
    ('hebb', lambda y: rules.hebb(LOGITS, y), OUTPUTS, -LOGITS.T @ OUTPUTS / 4),
    (
        'oja',
        lambda w: rules.oja(w, LOGITS),
        KERNEL,
        -(
            LOGITS.T @ (LOGITS @ KERNEL)
            - KERNEL @ np.triu((LOGITS @ KERNEL).T @ (LOGITS @ KERNEL))
        )
        / 4,
    ),
    (
        'kohonen',
        lambda w: rules.kohonen(w, POINTS, GRID, 1.0),
        CENTRES,
        (NEAREST[:, :, None] * (CENTRES - POINTS[:, None])).mean(0),
    ),
    (
        'batch_map',
        lambda w: rules.batch_map(w, POINTS, GRID, 1.0),
        CENTRES,
        CENTRES - NEAREST.T @ POINTS / NEAREST.sum(0)[:, None],
    ),
    (
        'contrastive_divergence',
        lambda model: rules.contrastive_divergence(
            {'kernel': KERNEL, 'visible_bias': VISIBLE, 'hidden_bias': HIDDEN},
            BITS,
            model,
        ),
        1 - BITS,
        {
            'kernel': -(BITS.T @ gates(BITS) - (1 - BITS).T @ gates(1 - BITS)) / 4,
            'visible_bias': -(2 * BITS - 1).mean(0),
            'hidden_bias': -(gates(BITS) - gates(1 - BITS)).mean(0),
        },
    ),
    ('sum_pool', lambda x: layers.sum_pool(x, (2, 2), (2, 2)), IMAGES, windows(np.sum)),
    ('ceil_max_pool', lambda x: layers.ceil_max_pool(x, 2), IMAGES, windows(np.max)),
    (
        'adaptive_average_pool',
        lambda x: layers.adaptive_average_pool(x, 4),
        IMAGES,
        windows(np.mean),
    ),
    ('global_average_pool', layers.global_average_pool, IMAGES, IMAGES.mean((1, 2))),
    ('global_max_pool', layers.global_max_pool, IMAGES, IMAGES.max((1, 2))),
    (
        'attention_weights',
        lambda x: layers.attention_weights(x, READ),
        QUERY,
        softmax(SCORES),
    ),
    (
        'attend',
        lambda x: layers.attend(x, READ, VALUES),
        QUERY,
        np.einsum('bhst,bthf->bshf', softmax(SCORES), VALUES),
    ),
    ('squared_distances', lambda x: layers.squared_distances(x, CENTRES), POINTS, GAPS),
)


class VariantsTest(chex.TestCase):
    """chex gives each case to `self.variant`, compiled and not."""

    @chex.variants(with_jit=True, without_jit=True)
    @parameterized.named_parameters(*CASES)
    def test_values_are_those_of_numpy(
        self, function: Callable, inputs: np.ndarray, wanted: object
    ) -> None:
        found = self.variant(function)(inputs)
        chex.assert_trees_all_close(found, wanted, rtol=2e-5, atol=1e-6)
