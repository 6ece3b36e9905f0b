"""What a net writes about the examples of a set, by some way of decoding."""

from collections.abc import Callable

import numpy as np

from dljax.experiment import Outcome, once
from dljax.models.translation import END

# [example, steps] or [example, width, steps] tokens, and their probabilities.
Said = Callable[[Outcome], tuple[np.ndarray, np.ndarray]]


def decoded(decode: Callable, *given: str, split: str = 'test') -> Said:
    """Decode a set once, for all that is measured and drawn of an outcome.

    Args:
        decode: `(net, prompt, *given) -> Decoded`, such as a `functools.partial` of
            `decoding.greedy` or `decoding.beam`.
        *given: features that it is called with.
        split: which set.

    Returns:
        Of an outcome the tokens, [example, steps] or [example, width, steps] int32, and
        the probabilities of the sequences, [example] or [example, width] in [0, 1].
    """

    def say(outcome: Outcome) -> tuple[np.ndarray, np.ndarray]:
        arrays = [outcome.evaluation[split][name] for name in given]
        prompt = np.full((len(arrays[0]), 1), END, np.int32)
        found = outcome.in_parts(decode, prompt, *arrays)
        return found.tokens, np.exp(found.log_probabilities)

    return once(say)
