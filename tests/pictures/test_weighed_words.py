"""Texts on the colours of their words."""

import io

import numpy as np

from dljax.pictures.weighed_words import Weighed, draw_words


def test_every_word_stands_once_on_its_colour_and_lines_end() -> None:
    words = ['$good', 'not', *['word'] * 60]
    values = np.array([2.0, -2.0, *[0.0] * 60])
    figure = draw_words(
        [Weighed('positive', words, values), Weighed('none', [], values[:0])]
    )
    texts = figure.axes[0].texts
    assert [t.get_text() for t in texts] == ['positive', *words, 'none']
    good, bad, plain = (t.get_bbox_patch().get_facecolor() for t in texts[1:4])
    assert good[2] > good[0] and bad[0] > bad[2]
    np.testing.assert_allclose(plain[:3], 0.97, atol=0.02)
    heights = {t.get_position()[1] for t in texts[1:-1]}
    assert len(heights) == 4  # 60 words of 5 signs each, in lines of 84
    assert max(t.get_position()[0] + len(t.get_text()) for t in texts) <= 85
    figure.savefig(io.BytesIO(), format='png')
    assert draw_words([Weighed('nothing', ['a'], np.zeros(1))])
