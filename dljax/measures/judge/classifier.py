"""A classifier that we train ourselves, to judge made images by its features (U4.4).

The networks that images are usually judged by have to be downloaded and know nothing of
digits, or of images of a few pixels. This one is trained by a stated recipe, and what
it says is comparable wherever its recipe, its fingerprint and the numbers of samples
are equal.
"""

import dataclasses
import functools
import hashlib

import jax
import numpy as np
from flax import linen as nn

from dljax.types import Array, PyTree

PIXELS = 2**18  # that are looked at in one go
MAPS = ('conv_0', 'conv_1')  # the layers whose feature maps are compared


@dataclasses.dataclass(frozen=True, eq=False)
class Judge:
    """A trained classifier of images, and what has to be published beside its verdicts.

    Attributes:
        net: the classifier, whose layer 'hidden' gives the features.
        params: its parameters.
        recipe: how it was trained, in a line.
        fingerprint: the first 12 hexadecimal digits of the SHA-256 of its parameters.
            Equal recipes give equal ones on equal hardware and versions only.
        accuracy: on the test images, in [0, 1].
        recalls: of each class on the test images, [classes] in [0, 1].
        real: images of the training split, [examples, height, width, channel] float32
            in [0, 1].
        test: those of the test split.
        test_labels: their classes, [examples] int32.
        class_names: by label.
        noun: what the images are called: of 'digits' the anchor is 'test_digits'.
        resized: how the images came to their size, such as 'without a resize filter'.
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
    class_names: tuple[str, ...] = dataclasses.field(repr=False)
    noun: str = 'images'
    resized: str = 'without a resize filter'

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return len(self.class_names)

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of the images that it knows."""
        return self.real.shape[1:]

    def features(self, images: Array | np.ndarray) -> np.ndarray:
        """Compute the rectified units of the last hidden layer.

        Args:
            images: [examples, height, width, channel] in [0, 1].

        Returns:
            [examples, features] float32, at least 0.

        Raises:
            ValueError: for images of another shape or range.
        """
        return self._look(images)[0]

    def logits(self, images: Array | np.ndarray) -> np.ndarray:
        """Compute the logits.

        Args:
            images: [examples, height, width, channel] in [0, 1].

        Returns:
            [examples, classes] float32.

        Raises:
            ValueError: for images of another shape or range.
        """
        return self._look(images)[1]

    def maps(self, images: Array | np.ndarray) -> tuple[np.ndarray, ...]:
        """Compute the rectified feature maps of the convolutions, before the pools.

        Args:
            images: [examples, height, width, channel] in [0, 1].

        Returns:
            [examples, rows, columns, features] float32 for each of them, at least 0.

        Raises:
            ValueError: for images of another shape or range.
        """
        return self._look(images, MAPS)[:-1]

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
        """Features of the training images, [examples, features]."""
        return self.features(self.real)

    def describe(self, made: int | None = None) -> str:
        """Say in a line what metrics by this judge depend on, for the run's data line.

        Args:
            made: samples of each member; as many as there are test images by default.

        Returns:
            The network, its hash and accuracy, the numbers of samples and the filter.
        """
        made = len(self.test) if made is None else made
        height, width, channels = self.shape
        size = f'{height}x{width}' + (f'x{channels}' if channels > 1 else '')
        features = self.params['hidden']['kernel'].shape[1]
        return (
            f'judged by {features} features of {self.recipe}; sha256 '
            f'{self.fingerprint}, {self.accuracy:.1%} of the test {self.noun} right; '
            f'{len(self.real):,} real training {self.noun}, {made:,} samples a member, '
            f'{size} {self.resized}'
        )

    def _look(
        self, images: Array | np.ndarray, layers: tuple[str, ...] = ('hidden',)
    ) -> tuple[np.ndarray, ...]:
        images = np.asarray(images, np.float32)
        if images.shape[1:] != self.shape or not len(images):
            raise ValueError(
                f'images have shape {images.shape}, wanted [examples, '
                f'{", ".join(map(str, self.shape))}]: the judge knows {self.noun} of '
                'this size only, so make such, or train a judge of yours'
            )
        low, high = images.min(), images.max()
        if not (low >= -1e-3 and high <= 1 + 1e-3):
            raise ValueError(
                f'images range from {low:g} to {high:g}, wanted [0, 1]: map a tanh by '
                '(x + 1) / 2 and take the sigmoid of logits'
            )
        return look(self.net, self.params, images, layers)


def look(
    net: nn.Module,
    params: PyTree,
    images: np.ndarray,
    layers: tuple[str, ...] = ('hidden',),
) -> tuple[np.ndarray, ...]:
    """Run a classifier over images in equal parts that fit into memory.

    Args:
        net: the classifier.
        params: its parameters.
        images: [examples, height, width, channel] float32 in [0, 1], one or more.
        layers: names of those whose rectified outputs are wanted.

    Returns:
        These, and the logits: [examples, ...] each.
    """
    height, width = images.shape[1:3]
    part = max(PIXELS // (height * width), 1)
    if len(images) <= part:
        return jax.tree.map(np.asarray, _seen(net, layers, params, images))
    parts = []
    for start in range(0, len(images), part):
        some = images[start : start + part]
        spare = part - len(some)  # of one shape, the program is compiled once
        filled = np.pad(some, ((0, spare), (0, 0), (0, 0), (0, 0)))
        seen = _seen(net, layers, params, filled)
        parts.append([np.asarray(values)[: len(some)] for values in seen])
    return tuple(np.concatenate(values) for values in zip(*parts, strict=True))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _seen(
    net: nn.Module, layers: tuple[str, ...], params: PyTree, images: Array
) -> tuple[Array, ...]:
    answered: tuple[Array, PyTree] = net.apply(
        {'params': params},
        images,
        train=False,
        capture_intermediates=lambda module, _: module.name in layers,
    )
    logits, kept = answered
    outputs = [kept['intermediates'][name]['__call__'][0] for name in layers]
    return *map(nn.relu, outputs), logits
