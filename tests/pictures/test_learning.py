"""Pictures of classifiers by what they are given."""

import numpy as np

from dljax.pictures.learning import draw_learning

TITLES = {'net': 'a net', 'naive': 'what costs nothing'}


def test_the_right_panel_begins_with_the_last_point_of_the_left() -> None:
    sized = {f'{k}_{n}': np.array([n / 50, n / 40]) for k in TITLES for n in (10, 20)}
    lacking = {f'{kind}_0.5': np.array([0.1, 0.3]) for kind in TITLES}
    lacking['net_filled_0.5'] = np.array([0.0, 0.1])
    figure = draw_learning(sized, lacking, (10, 20), (0.5,), TITLES, ('net',))
    left, right = figure.axes
    means = [
        line.get_ydata().tolist() for line in right.lines if len(line.get_xdata()) == 2
    ]
    assert left.lines[0].get_ydata()[-1] == right.lines[0].get_ydata()[0] == 45.0
    assert [45.0, 20.0] in means and [45.0, 5.0] in means
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(labels) == sorted([*TITLES.values(), 'a net, means filled in'])
