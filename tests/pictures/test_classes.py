"""Classes in words."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax import pictures
from dljax.experiment import Outcome
from dljax.types import Array, State


class Said(nn.Module):
    """Says what it is given."""

    def __call__(self, logits: Array) -> Array:
        """Give the logits back."""
        return logits


def outcome(said: list[int], true: list[int]) -> Outcome:
    state = State(jnp.int32(0), {}, {}, {})
    logits = np.eye(3, dtype=np.float32)[said]
    batch = {'logits': logits, 'label': np.array(true, np.int32)}
    return Outcome(Said(), state, state, {'test': batch}, [])


def read(net: nn.Module, batch: dict[str, Array]) -> Array:
    return net(batch['logits'])


def test_the_pair_that_is_confused_most_often_comes_first() -> None:
    said = [0, 1, 1, 1, 0, 2, 0]
    true = [0, 0, 0, 1, 2, 2, 2]
    text = pictures.confused_pairs(read, ['cat', 'dog', 'elk'])(outcome(said, true))
    assert text.splitlines() == [
        'cat taken for dog: 2 of 3',
        'elk taken for cat: 2 of 3',
    ]
    one = pictures.confused_pairs(read, ['cat', 'dog', 'elk'], most=1)
    assert len(one(outcome(said, true)).splitlines()) == 1
    none = pictures.confused_pairs(read, ['cat', 'dog', 'elk'])(outcome([1, 2], [1, 2]))
    assert none == 'no mistake in 2 examples of test'


def test_examples_are_counted_by_class_and_split() -> None:
    labels = {'train': np.array([0, 2, 2]), 'test': np.array([2] * 10)}
    text = pictures.class_counts(labels, ['cat', 'dog', 'elk $'])(None)
    assert text.splitlines() == [
        'class  train  test',
        'cat        1     0',
        'dog        0     0',
        'elk $      2    10',
        'all        3    10',
    ]
