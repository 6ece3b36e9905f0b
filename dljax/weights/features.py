"""The form of a run's data, as its config.json tells it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dljax.types import Spec


class Features(NamedTuple):
    """The form of a run's data, as the net takes them.

    Attributes:
        declared: specs of the features that the run declared.
        all: of all its features.
        seen: between which bounds its first examples lay, where they are numbers.
        evaluated: the features of the sets that it was evaluated on.
    """

    declared: dict[str, Spec]
    all: dict[str, Spec]
    seen: dict[str, tuple[float, float]]
    evaluated: tuple[str, ...]


def features_of(config: Mapping[str, Any]) -> Features:
    """Read the form of a run's data.

    Args:
        config: of the run.

    Returns:
        What there is of it, by feature.

    Raises:
        ValueError: where it cannot be read.
    """
    declared, found, seen, evaluated = {}, {}, {}, []
    try:
        for name, made in config.get('features', {}).items():
            low, high = made['low'], made['high']
            spec = Spec(tuple(made['shape']), made['dtype'], low, high)
            found[name] = spec
            if made['declared']:
                declared[name] = spec
            if made['evaluated']:
                evaluated.append(name)
            if made['seen'] is not None:
                low, high = made['seen']
                seen[name] = (float(low), float(high))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f'the features in the configuration are damaged: {error}'
        ) from error
    return Features(declared, found, seen, tuple(evaluated))
