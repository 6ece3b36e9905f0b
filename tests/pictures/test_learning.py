"""Pictures of classifiers by what they are given."""

import numpy as np

from dljax.pictures.learning import draw_learning, learning_curve

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


def test_a_learning_curve_shows_means_and_deviations_in_percent() -> None:
    values = np.array([[0.2, 0.5], [0.4, 0.9]])  # two members, two sizes
    found = {'net': values, 'naive': np.full((2, 2), 0.5)}
    draw = learning_curve(lambda outcome: found, (1, 10), TITLES, across='labels')
    (axes,) = draw(None).axes
    means = [line.get_ydata() for line in axes.lines if line.get_marker() == 'o']
    np.testing.assert_allclose(means, [[30, 70], [50, 50]])
    (whiskers, flat) = (bars.lines[2][0].get_segments() for bars in axes.containers)
    deviation = 100 * values.std(0, ddof=1)
    for end, half in zip(whiskers, deviation, strict=True):
        np.testing.assert_allclose(np.ptp(end[:, 1]), 2 * half)
    assert np.ptp(flat[0][:, 1]) == 0
    assert axes.get_xscale() == 'log' and axes.get_xlabel() == 'labels'
    assert [text.get_text() for text in axes.get_xticklabels()] == ['1', '10']
    alone = learning_curve(lambda outcome: {'net': values[:1]}, (1, 10), {'net': 'n'})
    (axes,) = alone(None).axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [20, 50])
    assert axes.get_title() == ''
