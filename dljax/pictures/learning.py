"""Pictures of what kinds of classifiers make of few examples and missing features."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dljax.experiment import Outcome, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_learning(
    sized: Mapping[str, np.ndarray],
    lacking: Mapping[str, np.ndarray],
    sizes: Sequence[int],
    fractions: Sequence[float],
    titles: Mapping[str, str],
    solid: Sequence[str],
) -> 'Figure':
    """Draw the accuracy against the number of examples, and of features missing.

    Args:
        sized: [members] accuracies in [0, 1] by 'kind_size'.
        lacking: the same by 'kind_share'; 'kind_filled_share' is drawn dotted.
        sizes: of the training sets; the last is that of the right panel.
        fractions: of the features that are missing, in (0, 1).
        titles: of the kinds.
        solid: kinds with a solid line, the others' being broken.

    Returns:
        The figure; whiskers show one standard deviation over the members.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.5, 6), layout='constrained')
    left, right = figure.subplots(1, 2, sharey=True)
    for index, (kind, title) in enumerate(titles.items()):
        style = {'color': f'C{index}', 'marker': 'o', 'label': title}
        if kind not in solid:
            style |= {'marker': 's', 'lw': 1, 'ls': '--'}
        _line(left, sizes, [sized[f'{kind}_{n}'] for n in sizes], style)
        del style['label']
        whole = sized[f'{kind}_{sizes[-1]}']
        for name, more in (
            (kind, {}),
            (
                f'{kind}_filled',
                {'ls': ':', 'marker': 'x', 'label': f'{title}, means filled in'},
            ),
        ):
            if f'{name}_{fractions[0]:g}' in lacking:
                values = [whole, *(lacking[f'{name}_{x:g}'] for x in fractions)]
                _line(right, (0.0, *fractions), values, style | more)
    left.set_xscale('log')
    left.set_xticks(sizes, map(str, sizes))
    left.minorticks_off()
    members = len(whole)
    left.set(
        xlabel='training examples',
        ylabel='test accuracy in %',
        title=f'mean and standard deviation of {members} member{"s" * (members > 1)}',
    )
    right.set(
        xlabel='fraction of the features missing at test time',
        title=f'{sizes[-1]} training examples',
    )
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.legend(loc='outside lower center', ncols=4, fontsize=9)
    return figure


def learning_curve(
    found: Callable[[Outcome], Mapping[str, np.ndarray]],
    sizes: Sequence[float],
    titles: Mapping[str, str],
    *,
    across: str = 'training examples',
    above: str = 'test accuracy in %',
) -> Picture:
    """Draw the accuracy against the number of examples, a line a way of learning.

    Args:
        found: of an outcome, [members, sizes] accuracies in [0, 1] by way.
        sizes: positive and ascending, on a logarithmic axis.
        titles: of the ways.
        across: what the sizes are.
        above: what the accuracies are.

    Returns:
        The picture; whiskers show one standard deviation over the members.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.4, 4.8), layout='constrained')
        axes = figure.add_subplot()
        values = found(outcome)
        for index, (way, title) in enumerate(titles.items()):
            # Side by side, so that whiskers do not lie on each other.
            shifted = np.asarray(sizes) * 1.03 ** (index - (len(titles) - 1) / 2)
            style = {'color': f'C{index}', 'marker': 'o', 'label': title}
            _line(axes, shifted, list(values[way].T), style)
        axes.set_xscale('log')
        axes.set_xticks(sizes, [f'{size:g}' for size in sizes])
        axes.minorticks_off()
        members = len(values[next(iter(titles))])
        note = (
            f'mean and standard deviation of {members} members' if members > 1 else ''
        )
        axes.set(xlabel=across, ylabel=above, title=note)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9)
        return figure

    return draw


def _line(
    axes: 'Axes', at: Sequence[float], values: Sequence, style: Mapping[str, Any]
) -> None:
    stack = 100 * np.stack(values)
    deviation = stack.std(1, ddof=1) if stack.shape[1] > 1 else None
    axes.errorbar(at, stack.mean(1), deviation, capsize=3, ms=4, **style)
