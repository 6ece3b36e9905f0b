"""What was heard: features as they are, tokens where they begin."""

import numpy as np

from dljax.pictures.speech import Hearing, hearings


def test_a_spectrogram_stands_over_the_tokens_of_its_path() -> None:
    features = np.random.default_rng(0).normal(size=(20, 8))
    heard = [
        Hearing(features, [2, 10], ['one', '$2$'], 'one two'),
        Hearing(features[:5], [], [], 'one'),
    ]
    figure = hearings(lambda outcome: heard, 0.01)(None)
    first, second = figure.axes
    np.testing.assert_array_equal(first.images[0].get_array(), features.T)
    np.testing.assert_allclose(first.get_xticks(), [0.025, 0.105])
    assert [t.get_text() for t in first.get_xticklabels()][0] == 'one'
    assert second.get_title(loc='left') == 'one' and not len(second.get_xticks())
    # All on one scale: the second recording takes a quarter of the width.
    np.testing.assert_allclose(second.get_xlim(), first.get_xlim())
    assert second.images[0].get_extent()[1] == 0.05
    figure.draw_without_rendering()  # a dollar sign is no formula
