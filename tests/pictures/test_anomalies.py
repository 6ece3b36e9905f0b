"""Pictures of faults and of what finds them."""

import numpy as np

from dljax.data import FAULTS, inject_faults
from dljax.pictures.anomalies import draw_areas, draw_faults

TITLES = {'net': 'a net', 'naive': 'what costs nothing'}


def test_the_piece_that_is_drawn_holds_every_kind_of_fault_where_it_is() -> None:
    clean = np.sin(np.arange(2000) / 4)
    series, marks = inject_faults(0, clean, each=3, length=20)
    scores = {name: np.abs(series - clean)[None] for name in TITLES}
    figure = draw_faults(series, scores, marks, FAULTS, TITLES)
    panels = figure.axes
    assert len(panels) == 3
    for axes in panels:
        spans = [
            patch.get_extents().transformed(axes.transData.inverted())
            for patch in axes.patches
        ]
        starts = np.flatnonzero(np.diff(np.r_[0, marks]) * marks)
        low, high = axes.get_xlim()
        assert len(spans) == ((starts > low) & (starts < high)).sum()
        assert len({patch.get_facecolor() for patch in axes.patches}) == 4
        for span in spans:
            inside = marks[int(np.ceil(span.x0)) : int(np.floor(span.x1)) + 1]
            assert (inside > 0).all() and len(set(inside)) == 1
    low, high = panels[0].lines[0].get_xdata()[[0, -1]]
    np.testing.assert_array_equal(
        panels[0].lines[0].get_ydata(), series[low : high + 1]
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*FAULTS]


def test_bars_are_the_mean_of_the_members() -> None:
    areas = {'net_spike': np.array([0.8, 0.9]), 'naive_spike': 0.6}
    figure = draw_areas(areas, ('spike',), TITLES)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(heights, [0.85, 0.6])
