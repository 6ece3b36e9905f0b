"""Translations judged by a classifier of the domain that they are made for (U4.2)."""

import functools
from collections.abc import Callable, Mapping

import numpy as np
from flax import linen as nn

from dljax.experiment import Measure, Outcome
from dljax.measures.judge.classifier import Judge
from dljax.measures.judge.training import Recipe, train_judge
from dljax.types import Array, HostBatch


def domain_judge(train: HostBatch, test: HostBatch, steps: int) -> Judge:
    """Train a judge of one domain, by `train_judge`.

    Args:
        train: 'image' [example, height, width, channel] in [-1, 1], 'label' [example].
        test: the same of images that it does not learn from.
        steps: updates.

    Returns:
        The judge.
    """
    train, test = (
        {**arrays, 'image': _unsigned(arrays['image'])} for arrays in (train, test)
    )
    names = tuple(map(str, range(int(train['label'].max()) + 1)))
    return train_judge(train, test, names, Recipe(steps=steps))


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
    def judges() -> dict[str, Judge]:
        return {
            name: domain_judge(
                arrays, {'image': test[name], 'label': test[f'label_{name}']}, steps
            )
            for name, arrays in judged.items()
        }

    def share(domain: str, images: np.ndarray, label: np.ndarray) -> float:
        taken = judges()[domain].logits(_unsigned(images)).argmax(1)
        return float((taken == label).mean())

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


def _unsigned(images: np.ndarray) -> np.ndarray:
    """Bring [-1, 1] to [0, 1]."""
    return (np.asarray(images, np.float32) + 1) / 2
