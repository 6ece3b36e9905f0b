"""A contact sheet: what augmentations make of images."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.augment import Augmentation, Mixed, Mixing
from dljax.experiment import Outcome, Picture
from dljax.pictures.samples import tile
from dljax.types import Array, Key, fold

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 0.72  # inches, of the longer side of an image


def contact_sheet(
    augmentations: Mapping[str, Augmentation | Mixing],
    images: np.ndarray,
    title: str = '',
    draws: int = 8,
) -> Picture:
    """Show a row for each augmentation: an image as it is, and draws of it.

    The rows show the images in turn. The draws follow from a fixed key and the name of
    the row, and need nothing of the run.

    Args:
        augmentations: by the name of the row; mixing ones too, which mix with the
            other images.
        images: [count, height, width, channel] float in [0, 1], one or more, with 1 or
            3 channels.
        title: of the picture.
        draws: how many, at least 1.

    Returns:
        The picture.

    Raises:
        ValueError: at construction, without an augmentation, an image or a draw.
    """
    if not augmentations or len(images) < 1 or draws < 1:
        raise ValueError(
            f'contact_sheet() got {len(augmentations)} augmentations, {len(images)} '
            f'images and draws={draws}, wanted one or more of each'
        )

    def draw(outcome: Outcome) -> 'Figure':
        del outcome
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        rows = {
            name: draw_augmented(name, augment, np.roll(images, -place, axis=0), draws)
            for place, (name, augment) in enumerate(augmentations.items())
        }
        figure = Figure(
            figsize=(SIDE * (draws + 1) + 2.2, (SIDE + 0.06) * len(rows) + 0.7),
            layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, hspace=0, wspace=0),
        )
        panels = figure.subplots(
            len(rows), 2, squeeze=False, width_ratios=(1, draws + 0.2)
        )
        for place, (pair, (name, made)) in enumerate(
            zip(panels, rows.items(), strict=True)
        ):
            original = images[place % len(images)][None]
            for axes, shown in zip(pair, (original, made), strict=True):
                _show(axes, tile(np.asarray(shown, np.float32), columns=len(shown)))
            pair[0].set_ylabel(
                name, rotation=0, ha='right', va='center', fontsize=9, labelpad=6
            )
        panels[0, 0].set_title('original', fontsize=9)
        panels[0, 1].set_title('draws', fontsize=9)
        figure.suptitle(title, fontsize=10)
        return figure

    return draw


def draw_augmented(
    name: str, augment: Augmentation | Mixing, images: np.ndarray, draws: int
) -> np.ndarray:
    """Draw what becomes of the first of some images.

    Args:
        name: that the draws follow from.
        augment: of images, or one that mixes them.
        images: [count, height, width, channel] float in [0, 1].
        draws: how many.

    Returns:
        [draws, height, width, channel], of the size that the augmentation makes.
    """

    def once(key: Key) -> Array:
        made = augment(key, jnp.asarray(images))
        return (made.images if isinstance(made, Mixed) else made)[0]

    keys = jax.random.split(fold(jax.random.key(0), name), draws)
    return np.asarray(jax.jit(jax.vmap(once))(keys))


def _show(axes: 'Axes', canvas: np.ndarray) -> None:
    grey = canvas.shape[-1] == 1
    axes.imshow(
        canvas[..., 0] if grey else canvas,
        cmap='gray',
        vmin=0,
        vmax=1,
        interpolation='nearest',
    )
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
