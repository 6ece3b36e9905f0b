"""Pictures of attention: which place of a sequence each step of another one read."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dljax.experiment import Outcome, Picture
from dljax.pictures.basic import plain_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Alignment(NamedTuple):
    """What one sequence read of another.

    Attributes:
        read: the places that were read, such as words of the source.
        written: the steps that read them, such as words of the target.
        weights: [written, read] in [0, 1].
    """

    read: Sequence[str]
    written: Sequence[str]
    weights: np.ndarray


def alignments(look: Callable[[Outcome], Sequence[Alignment]]) -> Picture:
    """Draw a matrix for each pair of sequences: a row a step, darker where it read.

    Args:
        look: of an outcome, the pairs.

    Returns:
        The picture, two matrices in a row.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        pairs = look(outcome)
        columns = min(2, len(pairs))
        rows = -(-len(pairs) // columns)
        wide = 0.24 * max(len(pair.read) for pair in pairs) + 1
        high = 0.24 * max(len(pair.written) for pair in pairs) + 1
        figure = Figure(figsize=(columns * wide, rows * high), layout='constrained')
        for index, pair in enumerate(pairs):
            axes = figure.add_subplot(rows, columns, index + 1)
            axes.imshow(pair.weights, cmap='Greys', vmin=0, vmax=1, aspect='equal')
            axes.set_xticks(range(len(pair.read)), plain_names(pair.read))
            axes.set_yticks(range(len(pair.written)), plain_names(pair.written))
            axes.tick_params(length=0, labelsize=8)
            axes.xaxis.tick_top()
            if max(map(len, pair.read)) > 1:
                axes.tick_params(axis='x', rotation=90)
        return figure

    return draw
