"""All alignments of a few frames, one by one: what CTC sums up."""

import collections
import itertools

import numpy as np


def merged(alignment: tuple[int, ...], blank: int = 0) -> tuple[int, ...]:
    """Merge repeats, then drop blanks."""
    return tuple(label for label, _ in itertools.groupby(alignment) if label != blank)


def enumerated(logits: np.ndarray, blank: int = 0) -> dict[tuple[int, ...], float]:
    """Give the probability of all labels that [time, classes] logits can give."""
    x = np.asarray(logits, np.float64)
    chances = np.exp(x - np.logaddexp.reduce(x, axis=-1, keepdims=True))
    found: dict[tuple[int, ...], float] = collections.defaultdict(float)
    for alignment in itertools.product(range(x.shape[1]), repeat=len(x)):
        chance = np.prod(chances[np.arange(len(x)), list(alignment)])
        found[merged(alignment, blank)] += chance
    return dict(found)
