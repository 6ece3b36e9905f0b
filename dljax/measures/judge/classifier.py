"""A classifier that we train ourselves, to judge made digits by its features (U4.4).

The networks that images are usually judged by have to be downloaded and know nothing of
digits of 8x8. This one is trained in seconds by a fixed recipe, and what it says is
comparable wherever its recipe, its fingerprint and the numbers of samples are equal.
"""

import dataclasses
import functools
import hashlib

import jax
import numpy as np
import optax
from flax import linen as nn

from dljax import data
from dljax.metrics import confusion_matrix, recall
from dljax.objectives import classify, score_classes
from dljax.training import Player, evaluate, fit, learner
from dljax.types import Array, PyTree
from dljax.zoo import create_model

SHAPE = (8, 8, 1)
# The recipe. Whatever changes here changes every metric taken by it.
CHANNELS, KERNEL, FEATURES, DROPOUT = (32, 64), (3, 3), 64, 0.2
STEPS, BATCH, RATE = 3000, 64, 2e-3
ROTATION, SCALE, SHIFT = 12.0, 0.15, 0.08


@dataclasses.dataclass(frozen=True, eq=False)
class Judge:
    """A trained classifier of digits, and what has to be published beside its verdicts.

    Attributes:
        net: the classifier, whose layer 'hidden' gives the features.
        params: its parameters.
        recipe: how it was trained, in a line.
        fingerprint: the first 12 hexadecimal digits of the SHA-256 of its parameters.
            Equal recipes give equal ones on equal hardware and versions only.
        accuracy: on the test digits, in [0, 1].
        recalls: of each class on the test digits, [10] in [0, 1].
        real: images of the training split, [examples, 8, 8, 1] float32 in [0, 1].
        test: those of the test split.
        test_labels: their classes, [examples] int32.
    """

    net: nn.Module
    params: PyTree = dataclasses.field(repr=False)
    recipe: str
    fingerprint: str
    accuracy: float
    recalls: np.ndarray = dataclasses.field(repr=False)
    real: np.ndarray = dataclasses.field(repr=False)
    test: np.ndarray = dataclasses.field(repr=False)
    test_labels: np.ndarray = dataclasses.field(repr=False)

    def features(self, images: Array | np.ndarray) -> np.ndarray:
        """Compute the rectified units of the last hidden layer.

        Args:
            images: [examples, 8, 8, 1] in [0, 1].

        Returns:
            [examples, 64] float32, at least 0.

        Raises:
            ValueError: for images of another shape or range.
        """
        return self._look(images)[0]

    def logits(self, images: Array | np.ndarray) -> np.ndarray:
        """Compute the logits.

        Args:
            images: [examples, 8, 8, 1] in [0, 1].

        Returns:
            [examples, 10] float32.

        Raises:
            ValueError: for images of another shape or range.
        """
        return self._look(images)[1]

    @staticmethod
    def fingerprint_of(params: PyTree) -> str:
        """Hash parameters: 12 hexadecimal digits of the SHA-256 of names and values."""
        hashed = hashlib.sha256()
        for path, leaf in jax.tree_util.tree_leaves_with_path(params):
            hashed.update(jax.tree_util.keystr(path).encode())
            hashed.update(np.asarray(leaf).tobytes())
        return hashed.hexdigest()[:12]

    @functools.cached_property
    def real_features(self) -> np.ndarray:
        """Features of the training digits, [examples, 64]."""
        return self.features(self.real)

    def describe(self, made: int | None = None) -> str:
        """Say in a line what metrics by this judge depend on, for the run's data line.

        Args:
            made: samples of each member; as many as there are test digits by default.

        Returns:
            The network, its hash and accuracy, the numbers of samples and the filter.
        """
        made = len(self.test) if made is None else made
        return (
            f'judged by {FEATURES} features of {self.recipe}; sha256 '
            f'{self.fingerprint}, {self.accuracy:.1%} of the test digits right; '
            f'{len(self.real):,} real training digits, {made:,} samples a member, 8x8 '
            'without a resize filter'
        )

    def _look(self, images: Array | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = np.asarray(images, np.float32)
        if images.shape[1:] != SHAPE or not len(images):
            raise ValueError(
                f'images have shape {images.shape}, wanted [examples, 8, 8, 1]: the '
                'judge knows digits of this size only'
            )
        low, high = images.min(), images.max()
        if not (low >= -1e-3 and high <= 1 + 1e-3):
            raise ValueError(
                f'images range from {low:g} to {high:g}, wanted [0, 1]: map a tanh by '
                '(x + 1) / 2 and take the sigmoid of logits'
            )
        return jax.tree.map(np.asarray, _seen(self.net, self.params, images))


@functools.partial(jax.jit, static_argnums=0)
def _seen(net: nn.Module, params: PyTree, images: Array) -> tuple[Array, Array]:
    answered: tuple[Array, PyTree] = net.apply(
        {'params': params},
        images,
        train=False,
        capture_intermediates=lambda module, _: module.name == 'hidden',
    )
    logits, kept = answered
    (hidden,) = kept['intermediates']['hidden']['__call__']
    return nn.relu(hidden), logits


def digits_judge(steps: int = STEPS, seed: int = 0) -> Judge:
    """Train the judge, once in a process for the same arguments.

    Args:
        steps: updates; the default takes some 7 s on two CPU cores.
        seed: of its training.

    Returns:
        The judge.

    Raises:
        ValueError: for fewer updates than one.
    """
    return _trained(steps, seed)


@functools.cache
def _trained(steps: int, seed: int) -> Judge:
    digits = data.load('digits')
    parts = {split: digits.images(split) for split in ('train', 'test')}
    net = create_model(
        'tutorial_cnn',
        features=CHANNELS,
        kernel_size=KERNEL,
        hidden=FEATURES,
        dropout=DROPOUT,
    )
    rate = optax.cosine_decay_schedule(RATE, max(steps, 1))
    loss = classify(
        augment=data.augment.affine(ROTATION, (1 - SCALE, 1 + SCALE), SHIFT)
    )
    state, _ = fit(
        learner(net, {'judge': Player(optax.adam(rate), loss=loss)}),
        data.resident(parts['train'], BATCH),
        steps=steps,
        key=jax.random.key(seed),
    )
    scores = evaluate(net, score_classes(), state, [parts['test']])
    test_labels = np.asarray(parts['test']['label'])
    taken = _seen(net, state.params, parts['test']['image'])[1].argmax(1)
    return Judge(
        net=net,
        params=state.params,
        recipe=(
            f'a TutorialCNN {CHANNELS}-{FEATURES} of {KERNEL} kernels and dropout '
            f'{DROPOUT:g}, trained on {len(parts["train"]["label"]):,} digits: '
            f'{steps:,} updates of {BATCH} by Adam, {RATE:g} falling to 0 along a '
            f'cosine, random rotation to {ROTATION:g} degrees, scale to {SCALE:.0%}, '
            f'shift to {SHIFT:.0%}, seed {seed}'
        ),
        fingerprint=Judge.fingerprint_of(state.params),
        accuracy=float(scores['accuracy']),
        recalls=np.asarray(recall(confusion_matrix(taken, test_labels, classes=10))),
        real=parts['train']['image'],
        test=parts['test']['image'],
        test_labels=test_labels,
    )
