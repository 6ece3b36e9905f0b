"""What Keras calls the weights of a layer, and a layer in a file."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

_LINEAR = ('kernel', 'bias')
_NORM = ('gamma', 'beta', 'moving_mean', 'moving_variance')
_KINDS = {'kernel4': 'conv2d', 'kernel2': 'dense', 'gamma1': 'batch_normalization'}


def weight_names(ranks: Sequence[int]) -> list[str]:
    """Name the weights of a layer, which stand in files in a fixed order.

    Args:
        ranks: of the arrays, in that order.

    Returns:
        Names such as 'kernel' and 'bias'; places, for layers other than convolutions,
        dense ones and batch normalisation.

    Example:
        >>> weight_names([4, 1]), weight_names([3])
        (['kernel', 'bias'], ['0'])
    """
    if list(ranks) in ([4], [4, 1], [2], [2, 1]):
        return list(_LINEAR[: len(ranks)])
    if list(ranks) == [1, 1, 1, 1]:
        return list(_NORM)
    return [str(place) for place in range(len(ranks))]


def sort_by_layer(
    arrays: Mapping[str, np.ndarray],
) -> dict[str, dict[str, np.ndarray]] | None:
    """Sort arrays named LAYER/WEIGHT by layer, and those of a layer in Keras' order.

    Args:
        arrays: by name.

    Returns:
        Arrays by layer and name; None where any array is of no layer that
        `weight_names` knows.
    """
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name in arrays:
        layer, _, weight = name.partition('/')
        layers.setdefault(layer, {})[weight] = arrays[name]
    for layer, weights in layers.items():
        order = [name for name in (*_LINEAR, *_NORM) if name in weights]
        if len(order) < len(weights) or (
            weight_names([weights[name].ndim for name in order]) != order
        ):
            return None
        layers[layer] = {name: weights[name] for name in order}
    return layers


def class_names(layers: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, str]:
    """Name layers as Keras 3 does in files: by class, numbered from the second on.

    Args:
        layers: as `sort_by_layer` gives them, in the model's order.

    Returns:
        Names such as 'conv2d' and 'conv2d_1', by layer.
    """
    kinds = {}
    for layer, weights in layers.items():
        first, array = next(iter(weights.items()))
        kinds[layer] = _KINDS[f'{first}{array.ndim}']
    return number(kinds)


def number(kinds: Mapping[str, str]) -> dict[str, str]:
    """Number what is of one kind, from the second on.

    Example:
        >>> number({'fc1': 'dense', 'fc2': 'dense'})
        {'fc1': 'dense', 'fc2': 'dense_1'}
    """
    counts: Counter[str] = Counter()
    names = {}
    for layer, kind in kinds.items():
        names[layer] = f'{kind}_{counts[kind]}' if counts[kind] else kind
        counts[kind] += 1
    return names
