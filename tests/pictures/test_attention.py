"""Alignments: what is drawn is what was read, with its words."""

import numpy as np

from dljax.pictures.attention import Alignment, alignments


def test_a_matrix_stands_for_each_pair_with_the_words_of_both() -> None:
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    pairs = [
        Alignment(['the', 'red', '$x$'], ['das', 'rote'], weights),
        Alignment('ab', 'c', np.array([[0.5, 0.5]])),
    ]
    figure = alignments(lambda outcome: pairs)(None)
    first, second = figure.axes
    np.testing.assert_array_equal(first.images[0].get_array(), weights)
    assert [label.get_text() for label in first.get_yticklabels()] == ['das', 'rote']
    assert [label.get_text() for label in second.get_xticklabels()] == ['a', 'b']
    figure.draw_without_rendering()  # a dollar sign is no formula
