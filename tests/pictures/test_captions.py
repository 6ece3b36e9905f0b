"""Captions over their images, and what each word looked at."""

import numpy as np

from dljax.pictures.captions import (
    Captioned,
    Looked,
    captioned_images,
    word_attention,
)

GREY, COLOUR = np.full((6, 8, 1), 0.5), np.full((6, 8, 3), 0.5)


def test_a_wrong_caption_is_red_and_has_the_target_below() -> None:
    found = [
        Captioned(GREY, 'a $three$', 'a $three$', True),
        Captioned(COLOUR, '', 'a seven', False),
    ]
    figure = captioned_images(lambda outcome: found)(None)
    first, second = (axes.title for axes in figure.axes)
    assert first.get_text() == r'a \$three\$' and first.get_color() == 'black'
    assert second.get_text() == '(nothing)\n(a seven)' and second.get_color() == 'red'
    figure.draw_without_rendering()


def test_each_word_has_its_weights_over_the_whole_image() -> None:
    weights = np.arange(12.0).reshape(2, 2, 3) / 66
    found = [Looked(GREY, ['a', 'dog'], weights), Looked(COLOUR, ['a'], weights[:1])]
    figure = word_attention(lambda outcome: found)(None)
    panels = np.reshape(figure.axes, (2, 3))
    assert [len(axes.images) for axes in panels.ravel()] == [1, 2, 2, 1, 2, 0]
    assert [axes.get_title() for axes in panels[0]] == ['', 'a', 'dog']
    drawn = panels[0, 2].images[1]
    np.testing.assert_array_equal(drawn.get_array(), weights[1])
    assert drawn.get_extent() == panels[0, 2].images[0].get_extent()
