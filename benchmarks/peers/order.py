"""Our weights, layer by layer in the order of their calls."""

from collections.abc import Iterator, Mapping

import numpy as np

PLAYERS = ['generator', 'encoder', 'discriminator', 'decoder']
STAGES = ('conv', 'layer', 'hidden', 'output')


def groups(weights: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """Give the arrays of each layer by name.

    Args:
        weights: arrays by path, such as 'hidden_0/kernel'.

    Yields:
        Such as {'kernel': ..., 'bias': ...}.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for path, array in weights.items():
        layer, _, name = path.rpartition('/')
        found.setdefault(layer, {})[name] = array

    def place(layer: str) -> tuple:
        part = layer.split('/')
        player = PLAYERS.index(part[0]) if part[0] in PLAYERS else 0
        rest = part[1:] if part[0] in PLAYERS else part
        return player, STAGES.index(rest[0].split('_')[0]), rest[0], 'norm' in rest[1:]

    for layer in sorted(found, key=place):
        yield found[layer]
