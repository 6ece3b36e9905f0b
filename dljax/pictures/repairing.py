"""Pictures of repaired pictures beside damaged and true ones."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dljax.experiment import Outcome, Picture
from dljax.measures.repairing import Damaged, Method, Repaired, likeness
from dljax.pictures.progress import plain
from dljax.pictures.restoration import busiest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def repairs(
    pictures: Sequence[Damaged],
    made: Mapping[str, Repaired],
    methods: Mapping[str, Method] | None = None,
    *,
    side: int = 96,
    most: int = 4,
) -> Picture:
    """Show damaged pictures and what is made of them, by the part with most detail.

    Args:
        pictures: the true and the damaged ones.
        made: of `measures.repairing.repaired`, by the caption of the column.
        methods: others that have not learned, likewise.
        side: of the part, in pixels; smaller pictures are shown as they are.
        most: pictures, evenly chosen.

    Returns:
        The picture, a row for each; the first member's. Above stands the PSNR of the
        whole picture in dB.
    """

    def draw(outcome: Outcome) -> 'Figure':
        rows = np.linspace(0, len(pictures) - 1, min(most, len(pictures))).astype(int)
        nets = {name: found(outcome)[0] for name, found in made.items()}
        columns = 2 + len(nets) + len(methods or {})
        figure = plain(2.1 * columns, 2.4 * len(rows))
        for line, index in enumerate(rows):
            damaged = pictures[index]
            shown = {'damaged': damaged.shown}
            shown |= {name: how(damaged) for name, how in (methods or {}).items()}
            shown |= {name: found[index] for name, found in nets.items()}
            square = min(side, *damaged.truth.shape[:2])
            whole = np.rint(255 * damaged.truth).astype(np.uint8)
            top, left = busiest(whole, square, 4)
            tiles = {
                f'{name}: {likeness(each, damaged.truth)["psnr"]:.2f} dB': each
                for name, each in shown.items()
            }
            for place, (caption, each) in enumerate(
                {**tiles, 'true': damaged.truth}.items()
            ):
                axes = figure.add_subplot(
                    len(rows), columns, line * columns + place + 1
                )
                part = each[top : top + square, left : left + square]
                axes.imshow(
                    part[..., 0] if part.shape[-1] == 1 else part.clip(0, 1),
                    cmap='gray',
                    vmin=0,
                    vmax=1,
                    interpolation='nearest',
                )
                axes.set_title(caption, fontsize=8)
                axes.set_axis_off()
        return figure

    return draw
