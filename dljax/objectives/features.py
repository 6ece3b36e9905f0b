"""What a net is given of a batch."""

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
