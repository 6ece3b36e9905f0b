"""Pictures of restored pictures beside true ones."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dljax.data import PicturePair, enlarge
from dljax.experiment import Outcome, Picture
from dljax.measures.restoration import Pictures, quality
from dljax.pictures.progress import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def zoomed(
    pairs: Sequence[PicturePair],
    made: Mapping[str, Pictures],
    scale: int,
    side: int = 64,
    most: int = 4,
) -> Picture:
    """Show pictures, and a part of each with much detail: small, enlarged, true.

    Args:
        pairs: the true pictures and the small ones.
        made: of `measures.restoration.restored`, by the caption of the column.
        scale: of the large to the small pictures.
        side: of the part that is shown larger, in pixels of the true picture.
        most: pictures, evenly chosen.

    Returns:
        The picture, a row for each; the first member's. Above a part stands the PSNR
        of the whole picture in dB.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.patches import Rectangle

        rows = np.linspace(0, len(pairs) - 1, min(most, len(pairs))).astype(int)
        columns = 4 + len(made)
        figure = plain(2.0 * columns, 2.25 * len(rows))
        nets = {name: pictures(outcome)[0] for name, pictures in made.items()}
        for line, index in enumerate(rows):
            low, high = pairs[index]
            square = min(side - side % scale, *high.shape[:2])
            top, left = busiest(high, square, scale)
            shown = {'bicubic': enlarge(low, scale)}
            shown |= {name: pictures[index] for name, pictures in nets.items()}
            whole = figure.add_subplot(len(rows), columns, line * columns + 1)
            _show(whole, high)
            whole.add_patch(
                Rectangle((left, top), square, square, fill=False, color='red')
            )
            parts = {'small': low.repeat(scale, 0).repeat(scale, 1)}
            for name, picture in shown.items():
                found = quality(picture, high, scale)
                parts[f'{name}: {found["psnr"]:.2f} dB'] = picture
            for place, (caption, picture) in enumerate({**parts, 'true': high}.items()):
                axes = figure.add_subplot(
                    len(rows), columns, line * columns + 2 + place
                )
                _show(axes, picture[top : top + square, left : left + square])
                axes.set_title(caption, fontsize=9)
        return figure

    return draw


def busiest(picture: np.ndarray, side: int, step: int) -> tuple[int, int]:
    """Find the square of a picture with the most detail.

    Args:
        picture: [height, width, channel] uint8.
        side: of the square, no larger than the picture.
        step: from one place that is tried to the next, in pixels.

    Returns:
        Its top and left.
    """
    bright = picture.mean(-1)
    change = np.zeros_like(bright)
    change[:-1] += np.abs(np.diff(bright, axis=0))
    change[:, :-1] += np.abs(np.diff(bright, axis=1))
    # Sums of squares from the sums of all that is above and to the left.
    table = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = table[side:, side:] - table[:-side, side:] - table[side:, :-side]
    sums = (sums + table[:-side, :-side])[::step, ::step]
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    return int(row) * step, int(column) * step


def _show(axes: 'Axes', picture: np.ndarray) -> None:
    grey = picture.shape[-1] == 1
    axes.imshow(
        picture[..., 0] if grey else picture,
        cmap='gray',
        vmin=0,
        vmax=255,
        interpolation='nearest',
    )
    axes.set_axis_off()
