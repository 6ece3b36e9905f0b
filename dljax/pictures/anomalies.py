"""Pictures of a series with faults in it, and of what finds them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_faults(
    series: np.ndarray,
    scores: Mapping[str, np.ndarray],
    marks: np.ndarray,
    kinds: Sequence[str],
    titles: Mapping[str, str],
    margin: int = 60,
) -> 'Figure':
    """Draw the shortest piece that holds a fault of each kind, and the scores below.

    Args:
        series: [time].
        scores: [members, time] by detector, larger where something is wrong; the first
            member's is drawn.
        marks: [time] integers as of `data.inject_faults`, 0 where nothing is wrong.
        kinds: names of the marks 1, 2 and so on, each of which is there.
        titles: of the detectors.
        margin: steps drawn before the first fault, and about twice as many at the end.

    Returns:
        The figure, a panel a detector.
    """
    from matplotlib.figure import Figure

    edges = np.flatnonzero(np.diff(np.r_[0, marks, 0]))
    faults = [pair for pair in zip(edges, edges[1:], strict=False) if marks[pair[0]]]
    found = marks[[start for start, _ in faults]]
    first, last = min(
        (
            (i, j)
            for i in range(len(faults))
            for j in range(i, len(faults))
            if len(set(found[i : j + 1])) == len(kinds)
        ),
        key=lambda pair: faults[pair[1]][1] - faults[pair[0]][0],
    )
    low = max(0, faults[first][0] - margin)
    high = min(len(series), faults[last][1] + 2 * margin)
    figure = Figure(figsize=(11, 2 + 1.5 * len(scores)), layout='constrained')
    panels = figure.subplots(1 + len(scores), 1, sharex=True)
    time = np.arange(low, high)
    panels[0].plot(time, series[low:high], color='black', lw=1)
    panels[0].set_title('the series, normalised')
    for axes, (name, each) in zip(panels[1:], scores.items(), strict=True):
        axes.plot(time, each[0, low:high], lw=1)
        level = np.quantile(each[0, marks == 0], 0.99)
        axes.axhline(level, ls=':', color='gray')
        axes.set_title(f'{titles[name]}; dotted: 99 % of the clean steps are below')
        axes.set_ylim(0)
    panels[-1].set_xlabel('steps')
    panels[-1].set_xlim(low - 1, high)
    for start, end in faults:
        if start < high and end > low:
            for axes in panels:
                color = f'C{marks[start]}'
                axes.axvspan(start - 0.5, end - 0.5, color=color, alpha=0.3)
    for index, kind in enumerate(kinds):
        panels[0].fill_between([], [], color=f'C{index + 1}', alpha=0.3, label=kind)
    figure.legend(loc='outside lower center', ncols=len(kinds))
    return figure


def draw_areas(
    areas: Mapping[str, float | np.ndarray],
    kinds: Sequence[str],
    titles: Mapping[str, str],
) -> 'Figure':
    """Draw the area under the ROC curve, by kind of fault and detector.

    Args:
        areas: a number or [members] by 'detector_kind'.
        kinds: of faults.
        titles: of the detectors.

    Returns:
        The figure; whiskers show one standard deviation over the members.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.2), layout='constrained')
    axes = figure.add_subplot()
    width = 0.8 / len(titles)
    for index, (name, title) in enumerate(titles.items()):
        values = [np.atleast_1d(areas[f'{name}_{kind}']) for kind in kinds]
        means = [value.mean() for value in values]
        spread = [v.std(ddof=1) if len(v) > 1 else np.nan for v in values]
        places = np.arange(len(kinds)) + width * (index - (len(titles) - 1) / 2)
        axes.bar(places, means, 0.9 * width, yerr=spread, capsize=2, label=title)
    axes.axhline(0.5, color='black', ls=':', lw=1)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set(ylabel='area under the ROC curve', ylim=(0.3, 1.0))
    axes.grid(alpha=0.3, axis='y')
    figure.legend(loc='outside lower center', ncols=2)
    return figure
