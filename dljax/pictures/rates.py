"""Pictures of what bits buy: likeness against the rate."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dljax.experiment import Outcome, Picture
from dljax.pictures.codes import choose, image_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = Mapping[str, np.ndarray]


def rate_curves(
    curves: Callable[[Outcome], Mapping[str, Curve]],
    titles: Mapping[str, str],
    baselines: Sequence[str] = (),
) -> Picture:
    """Draw what a family of coders reaches against the bits, a panel a measure.

    Args:
        curves: of an outcome, by the name of the coder, [members, points] 'bits' and
            other measures; a bar shows one standard deviation over the members.
        titles: of the panels, by measure.
        baselines: coders that are drawn in black, without marks.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        import matplotlib
        from matplotlib.figure import Figure

        found = curves(outcome)
        family = [name for name in found if name not in baselines]
        shades = np.linspace(0, 0.95, len(family))
        colours = matplotlib.colormaps['viridis'](shades)
        figure = Figure(figsize=(5.5 * len(titles), 5), layout='constrained')
        for index, (measure, title) in enumerate(titles.items()):
            axes = figure.add_subplot(1, len(titles), index + 1)
            for colour, name in zip(colours, family, strict=True):
                values = found[name][measure]
                axes.errorbar(
                    found[name]['bits'].mean(0),
                    values.mean(0),
                    values.std(0, ddof=1) if len(values) > 1 else None,
                    marker='o',
                    markersize=4,
                    capsize=3,
                    color=colour,
                    label=name,
                )
            for number, name in enumerate(baselines):
                axes.plot(
                    found[name]['bits'].mean(0),
                    found[name][measure].mean(0),
                    linestyle=('--', ':', '-.')[number % 3],
                    color='black',
                    label=name,
                )
            axes.set(xscale='log', xlabel='bits an image', ylabel=title)
            ticks = [2, 5, 10, 20, 50, 100, 200]
            axes.set_xticks(ticks, map(str, ticks))
            axes.minorticks_off()
            axes.grid(alpha=0.3)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside lower center', ncols=4)
        return figure

    return draw


def rebuilt_within(
    curves: Callable[[Outcome], Mapping[str, Curve]],
    rates: Sequence[float],
    by: str,
    split: str = 'test',
    count: int = 10,
) -> Picture:
    """Show what the first member's best coder within each rate makes of some images.

    Args:
        curves: of an outcome, by the name of the coder, [members, points] 'bits', the
            measure, and 'rebuilt', [members, points, example, height, width, channel].
        rates: bits an image that a coder may use on average.
        by: the measure of which the most is best.
        split: the set that the coders were tried on, with 'image' and, maybe, 'label'.
        count: how many images.

    Returns:
        The picture, whose first row is the images; a rate that no coder keeps within
        has no row.
    """

    def draw(outcome: Outcome) -> 'Figure':
        batch, found = outcome.evaluation[split], curves(outcome)
        shown = choose(batch, count)
        rows = {'original': np.asarray(batch['image'])[shown]}
        points = [
            (curve[by][0, i], curve['bits'][0, i], name, i)
            for name, curve in found.items()
            for i in range(curve['bits'].shape[1])
        ]
        for rate in rates:
            within = [point for point in points if point[1] <= rate]
            if within:
                _, bits, name, i = max(within)
                rows[f'{bits:.0f} bits: {name}'] = found[name]['rebuilt'][0, i][shown]
        return image_rows(rows, f'{split} set, by the best coder within so many bits')

    return draw
