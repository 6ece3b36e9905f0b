"""Translations judged by a classifier of the domain that they are made for (U4.2)."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
import optax
from flax import linen as nn

from dljax import data
from dljax.experiment import Measure, Outcome
from dljax.objectives import classify
from dljax.training import Player, fit, learner
from dljax.types import Array, HostBatch, PyTree
from dljax.zoo import create_model

FEATURES, HIDDEN, BATCH, RATE = (16, 32), 128, 64, 2e-3
ROTATION, SCALE, SHIFT = 8.0, 0.1, 0.06


class DomainJudge(NamedTuple):
    """A classifier of the images of one domain.

    Attributes:
        net: the classifier.
        params: its parameters.
    """

    net: nn.Module
    params: PyTree

    def read(self, images: np.ndarray, size: int = 500) -> np.ndarray:
        """Tell the classes of images.

        Args:
            images: [example, height, width, channel] in [-1, 1].
            size: images at once.

        Returns:
            [example] int.
        """
        parts = [
            np.asarray(_logits(self.net, self.params, images[start : start + size]))
            for start in range(0, len(images), size)
        ]
        return np.concatenate(parts).argmax(1)


def domain_judge(arrays: HostBatch, steps: int, seed: int = 0) -> DomainJudge:
    """Train a classifier of one domain by a fixed recipe.

    Args:
        arrays: 'image' [example, height, width, channel] in [-1, 1], 'label' [example].
        steps: updates of 64 images, by Adam along a cosine, with small distortions.
        seed: of its training.

    Returns:
        The judge.
    """
    net = create_model(
        'tutorial_cnn',
        classes=int(arrays['label'].max()) + 1,
        features=FEATURES,
        hidden=HIDDEN,
        dropout=0.3,
    )
    rate = optax.cosine_decay_schedule(RATE, max(steps, 1))
    distort = data.augment.affine(ROTATION, (1 - SCALE, 1 + SCALE), SHIFT)
    player = Player(optax.adam(rate), loss=classify(augment=distort))
    state, _ = fit(
        learner(net, {'judge': player}),
        data.resident(arrays, min(BATCH, len(arrays['label']))),
        steps=steps,
        key=jax.random.key(seed),
    )
    return DomainJudge(net, state.params)


def translations_read(
    judged: Mapping[str, HostBatch], test: HostBatch, steps: int
) -> Measure:
    """Measure how many translations are read as what they were.

    A judge of B reads what was made of A, a judge of A what was made of B; beside it
    stand the same judges on images that were not translated, and on their own domain.

    Args:
        judged: 'a' and 'b', for `domain_judge`.
        test: 'a', 'b', 'label_a' and 'label_b'.
        steps: updates of the judges.

    Returns:
        A measure of a `CycleTranslation`, fractions in [0, 1]: 'a_to_b' and 'b_to_a' of
        each member; 'a_as_b' and 'b_as_a' without translation; 'a' and 'b' of images of
        the judges' own domains.
    """

    @functools.cache
    def judges() -> dict[str, DomainJudge]:
        return {name: domain_judge(arrays, steps) for name, arrays in judged.items()}

    def share(domain: str, images: np.ndarray, label: np.ndarray) -> float:
        return float((judges()[domain].read(images) == label).mean())

    def measure(outcome: Outcome) -> dict[str, float | np.ndarray]:
        images = {name: np.asarray(test[name]) for name in ('a', 'b')}
        labels = {name: np.asarray(test[f'label_{name}']) for name in ('a', 'b')}
        found: dict[str, float | np.ndarray] = {}
        for given, other in (('a', 'b'), ('b', 'a')):
            made = _translated(outcome, f'generator_{given}{other}', images[given])
            found[f'{given}_to_{other}'] = np.array(
                [share(other, each, labels[given]) for each in made]
            )
            found[f'{given}_as_{other}'] = share(other, images[given], labels[given])
            found[given] = share(given, images[given], labels[given])
        return found

    return measure


def _translated(outcome: Outcome, field: str, images: np.ndarray) -> np.ndarray:
    """Translate by each member, [members, example, ...]."""
    call = _caller(field)
    size = min(250, len(images))
    rows = np.arange(-(-len(images) // size) * size) % len(images)
    parts = [
        np.asarray(outcome.each(call, images[part]))
        for part in np.split(rows, len(rows) // size)
    ]
    return np.concatenate(parts, axis=1)[:, : len(images)]


@functools.cache
def _caller(field: str) -> Callable[[nn.Module, Array], Array]:
    def call(net: nn.Module, images: Array) -> Array:
        return getattr(net, field)(images, train=False)

    return call


@functools.partial(jax.jit, static_argnums=0)
def _logits(net: nn.Module, params: PyTree, images: Array) -> Array:
    call = nn.apply(lambda net, images: net(images, train=False), net)
    return call({'params': params}, images)
