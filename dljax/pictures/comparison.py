"""Pictures of a comparison: several nets, several columns, all members."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from dljax.experiment import Outcome, Picture
from dljax.measures.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def listed(table: Callable[[Outcome], Table], heads: Mapping[str, str]) -> Picture:
    """Write a table of the means over the members.

    Args:
        table: of an outcome.
        heads: of the columns, in their order.

    Returns:
        The picture, a text.
    """

    def write(outcome: Outcome) -> str:
        rows = table(outcome)
        first = max(map(len, rows))
        wide = {column: max(12, len(head) + 2) for column, head in heads.items()}
        lines = [' ' * first + ''.join(f'{h:>{wide[c]}}' for c, h in heads.items())]
        for name, row in rows.items():
            cells = (f'{np.mean(row[c]):{wide[c]}.3f}' for c in heads)
            lines.append(f'{name:{first}}' + ''.join(cells))
        return '\n'.join(lines)

    return write


def compared(table: Callable[[Outcome], Table], titles: Mapping[str, str]) -> Picture:
    """Draw a table: a panel a column, a dot a row at the mean over the members.

    A line reaches from the least to the greatest member.

    Args:
        table: of an outcome.
        titles: of the panels, by column.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        rows = table(outcome)
        columns = min(len(titles), 4)
        height = -(-len(titles) // columns)
        figure = Figure(
            figsize=(3 * columns + 1.5, height * (0.3 * len(rows) + 0.9)),
            layout='constrained',
        )
        places = -np.arange(len(rows))
        for index, (column, title) in enumerate(titles.items()):
            axes = figure.add_subplot(height, columns, index + 1)
            for number, (place, row) in enumerate(
                zip(places, rows.values(), strict=True)
            ):
                values, color = row[column], f'C{number}'
                axes.plot(np.mean(values), place, 'o', color=color)
                ends = [np.min(values), np.max(values)]
                axes.plot(ends, [place, place], color=color)
            names = list(rows) if index % columns == 0 else [''] * len(rows)
            axes.set_yticks(places, names)
            axes.set_title(title, fontsize=10)
            axes.grid(alpha=0.3)
        return figure

    return draw
