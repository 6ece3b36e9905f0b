"""What a net is given of a batch."""

from collections.abc import Mapping
from typing import Any

from dljax.objectives import wanted
from dljax.types import Array, Batch

Features = str | tuple[str, ...]


def inputs_of(batch: Batch, feature: Features) -> tuple[Array, ...]:
    """Take the inputs of a net out of a batch, in the order of its arguments.

    Args:
        batch: arrays by feature.
        feature: the name of the input, or the names of several, such as
            ('sequence', 'length').

    Returns:
        The arrays.

    Example:
        >>> inputs_of({'length': 2, 'sequence': 1, 'label': 0}, ('sequence', 'length'))
        (1, 2)
    """
    return tuple(batch[name] for name in names(feature))


def names(feature: Features) -> tuple[str, ...]:
    """Give the names of one input or several as a tuple.

    Args:
        feature: one name, or several.

    Returns:
        The names.
    """
    return (feature,) if isinstance(feature, str) else tuple(feature)


def check_sequences(
    arrays: Mapping[str, Any], feature: Features, vocabulary: int | None
) -> None:
    """Refuse lengths and tokens that are none, among the inputs of a net.

    Args:
        arrays: [example, ...] by feature.
        feature: the inputs; 'length' behind another one holds the lengths of the first,
            'tokens' its tokens.
        vocabulary: the number of tokens; None where the net does not tell.

    Raises:
        ValueError: naming the first such example; padding may hold anything.
    """
    inputs, true = names(feature), None
    if 'length' in inputs[1:]:
        true = wanted.lengths(arrays, 'length', inputs[0])
    if 'tokens' in inputs and vocabulary is not None:
        where = true if inputs[0] == 'tokens' else None
        wanted.classes(
            arrays, 'tokens', vocabulary, shape=(None,), where=where, what='token'
        )
