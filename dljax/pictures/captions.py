"""Pictures of captions: what was said of an image, and where each word looked."""

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dljax.experiment import Outcome, Picture
from dljax.pictures.basic import plain_names
from dljax.pictures.progress import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = 26  # letters of a caption in a line, above a picture
MOST_WORDS = 12  # of a caption that are drawn


class Captioned(NamedTuple):
    """An image, and what was said of it.

    Attributes:
        image: [height, width, channel] in [0, 1], of 1 or 3 channels.
        said: the caption.
        wanted: one that is true.
        right: whether what was said is true.
    """

    image: np.ndarray
    said: str
    wanted: str
    right: bool


class Looked(NamedTuple):
    """An image, and where each word of its caption looked.

    Attributes:
        image: [height, width, channel] in [0, 1], of 1 or 3 channels.
        words: of the caption that was written, its end included.
        weights: [words, height', width'] in [0, 1], of sum 1 over the places.
    """

    image: np.ndarray
    words: Sequence[str]
    weights: np.ndarray


def captioned_images(look: Callable[[Outcome], Sequence[Captioned]]) -> Picture:
    """Draw images, with what was said above each and, in red where wrong, the target.

    Args:
        look: of an outcome, the images.

    Returns:
        The picture, four images in a row.
    """

    def draw(outcome: Outcome) -> 'Figure':
        found = look(outcome)
        columns = min(4, len(found))
        rows = -(-len(found) // columns)
        figure = plain(2.1 * columns, 2.5 * rows)
        for index, each in enumerate(found):
            axes = figure.add_subplot(rows, columns, index + 1)
            _show(axes, each.image)
            texts = [each.said] if each.right else [each.said, f'({each.wanted})']
            lines = [textwrap.fill(text or '(nothing)', LINE) for text in texts]
            axes.set_title(
                '\n'.join(plain_names(lines)),
                fontsize=8,
                color='black' if each.right else 'red',
            )
        return figure

    return draw


def word_attention(look: Callable[[Outcome], Sequence[Looked]]) -> Picture:
    """Draw an image in each row, then where each word of its caption looked.

    The weights lie over the image, brighter where a word looked more, each word on a
    scale of its own.

    Args:
        look: of an outcome, the images.

    Returns:
        The picture, of a caption's first words.
    """

    def draw(outcome: Outcome) -> 'Figure':
        found = look(outcome)
        columns = 1 + min(MOST_WORDS, max(len(each.words) for each in found))
        figure = plain(1.15 * columns, 1.35 * len(found))
        panels = figure.subplots(len(found), columns, squeeze=False)
        for line, each in zip(panels, found, strict=True):
            for axes in line:
                axes.set_axis_off()
            _show(line[0], each.image)
            pairs = zip(each.words, each.weights, strict=True)
            for axes, (word, weights) in zip(line[1:], pairs, strict=False):
                _show(axes, each.image)
                height, width = each.image.shape[:2]
                axes.imshow(
                    weights,
                    cmap='inferno',
                    vmin=0,
                    alpha=0.6,
                    interpolation='bilinear',
                    extent=(-0.5, width - 0.5, height - 0.5, -0.5),
                )
                axes.set_title(plain_names([word])[0], fontsize=9)
        return figure

    return draw


def _show(axes: 'Axes', image: np.ndarray) -> None:
    grey = image.shape[-1] == 1
    shown = image[..., 0] if grey else np.clip(image, 0, 1)
    axes.imshow(shown, cmap='gray', vmin=0, vmax=1)
    axes.set_axis_off()
