"""Texts whose words are coloured by what they add."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dljax.pictures.progress import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINE = 84  # signs


class Weighed(NamedTuple):
    """A text and its words' values.

    Attributes:
        title: what is said of it.
        words: of the text.
        values: [words], what each adds.
    """

    title: str
    words: Sequence[str]
    values: np.ndarray


def draw_words(texts: Sequence[Weighed]) -> 'Figure':
    """Write texts with each word on its colour: blue speaks for the class, red against.

    Args:
        texts: one or more; all have one scale.

    Returns:
        The figure.
    """
    from matplotlib import colormaps

    largest = max((np.abs(t.values).max(initial=0.0) for t in texts), default=0.0) or 1
    colors = colormaps['RdBu']
    lines: list[tuple[float, int, str, tuple[float, ...]]] = []  # the last a colour
    row = 0.0
    for text in texts:
        lines.append((row, 0, text.title, ()))
        row, place = row + 1.1, 1
        for word, value in zip(text.words, text.values, strict=True):
            if place > 1 and place + len(word) > _LINE:
                row, place = row + 1.1, 1
            lines.append((row, place, word, tuple(colors(0.5 + value / largest / 2))))
            place += len(word) + 1
        row += 1.6
    figure = plain(8, 0.22 * row + 0.3)
    axes = figure.subplots()
    axes.set(xlim=(0, _LINE + 2), ylim=(row, -1))
    axes.axis('off')
    for height, place, said, color in lines:
        title = not color
        dark = not title and sum(color[:3]) < 1.5
        axes.text(
            place,
            height,
            said,
            family='sans-serif' if title else 'monospace',
            fontsize=9.5,
            weight='bold' if title else 'normal',
            color='white' if dark else 'black',
            va='center',
            parse_math=False,
            bbox=None if title else {'facecolor': color, 'edgecolor': 'none', 'pad': 1},
        )
    return figure
