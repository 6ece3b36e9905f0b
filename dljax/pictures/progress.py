"""Curves of the records against the updates made."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dljax.experiment import Outcome, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = 6  # in a panel, up to which each panel has its own legend


def curves(outcome: Outcome) -> 'Figure':
    """Draw every metric of the records against the updates made.

    Metrics of one name share a panel: the players' and each evaluation's. A player has
    the same colour in all of them. A band shows one standard deviation over the members
    of an ensemble.
    """
    names = {name for row in outcome.rows for name in row} - {'step', 'seconds'}
    names = sorted(name for name in names if not name.endswith('/std'))
    panels: dict[str, list[str]] = {}
    for name in names:
        panels.setdefault(name.split('/')[-1], []).append(name)
    columns = min(max(len(panels), 1), 3)
    height = -(-max(len(panels), 1) // columns)
    figure = plain(4.2 * columns, 3 * height)
    colours = _colours(name.rpartition('/')[0] for name in names)
    crowded = max(map(len, panels.values()), default=0) > LINES
    for index, (metric, lines) in enumerate(panels.items()):
        axes = figure.add_subplot(height, columns, index + 1)
        positive = True
        for name in lines:
            points = [
                (r['step'], r[name], r.get(f'{name}/std', 0.0))
                for r in outcome.rows
                if name in r
            ]
            step, value, deviation = np.array(points).T
            who = name.rpartition('/')[0]
            style = {'color': colours[who], 'marker': '.' * (len(step) < 20)}
            axes.plot(step, value, label=who, **style)
            if np.nan_to_num(deviation).any():
                low, high = value - deviation, value + deviation
                axes.fill_between(step, low, high, color=colours[who], alpha=0.2)
            finite = np.isfinite(value)
            positive &= bool(finite.any() and (value[finite] > 0).all())
        if positive and metric in ('loss', 'gradient_norm'):
            axes.set_yscale('log')
        axes.set(title=metric.replace('_', ' '), xlabel='updates')
        axes.grid(alpha=0.3)
        if not crowded:
            axes.legend(fontsize=8)
    if crowded:  # a legend in each panel would hide its lines
        found = [axes.get_legend_handles_labels() for axes in figure.axes]
        handles = {
            who: line
            for lines, whose in found
            for line, who in zip(lines, whose, strict=True)
        }
        figure.legend(
            handles.values(),
            handles,
            loc='outside lower center',
            ncols=2 * columns,
            fontsize=8,
        )
    return figure


def _colours(names: Iterable[str]) -> dict[str, Any]:
    """Give each name a colour of its own, as far as there are colours."""
    from matplotlib import color_sequences

    different = sorted(set(names))
    colours = color_sequences['tab10' if len(different) <= 10 else 'tab20']
    return {name: colours[i % len(colours)] for i, name in enumerate(different)}


def against_updates(
    players: Sequence[str],
    titles: Mapping[str, str],
    levels: Mapping[str, float] | None = None,
) -> Picture:
    """Draw metrics of several players against the updates, a panel a metric.

    Args:
        players: a line each; one that leaves the finite numbers says where.
        titles: of the panels, by metric.
        levels: values to mark in the first panel by a dotted line, by their name.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        figure = plain(5 * len(titles), 4.4)
        panels = figure.subplots(1, len(titles), squeeze=False)[0]
        for axes, (metric, title) in zip(panels, titles.items(), strict=True):
            for player in players:
                name = f'{player}/{metric}'
                points = [(r['step'], r[name]) for r in outcome.rows if name in r]
                lost = next((x for x, y in points if not math.isfinite(y)), None)
                note = '' if lost is None else f': not finite by update {lost}'
                axes.plot(*np.reshape(points, (-1, 2)).T, label=player + note)
            axes.set(title=title, xlabel='updates', yscale='log')
            axes.grid(alpha=0.3)
        for name, level in (levels or {}).items():
            panels[0].axhline(level, color='black', linestyle=':', label=name)
        handles, labels = panels[0].get_legend_handles_labels()
        columns = min(len(labels), 4 * len(titles))
        figure.legend(handles, labels, loc='outside lower center', ncols=columns)
        return figure

    return draw


def plain(width: float, height: float) -> 'Figure':
    """Make an empty figure: inches."""
    from matplotlib.figure import Figure  # 1 s to import: only where something is drawn

    return Figure(figsize=(width, height), layout='constrained')
