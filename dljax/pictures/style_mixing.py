"""A table of images of two styles each: coarse ones by row, fine ones by column."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.experiment import Outcome, Picture
from dljax.layers import mix_styles
from dljax.pictures.samples import grid
from dljax.types import Array, Key

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def mixed_styles(
    place: int,
    title: str = 'coarse styles of the row, fine ones of the column',
    rows: int = 6,
    columns: int = 8,
) -> Picture:
    """Show images of two noises, and what comes of mixing their styles.

    The first row and the first column are images of one style each. All others have the
    styles of their row in the layers before a place and of their column from it on.

    Args:
        place: the first layer that has the styles of the column.
        title: of the picture; the place is added.
        rows: noises whose coarse styles are taken.
        columns: noises whose fine styles are taken.

    Returns:
        The picture, of a net whose part 'generator' has `styles` and `synthesise`.
    """

    def drawn(net: nn.Module, key: Key) -> Array:
        noise = net.prior(key, (rows + columns, net.latent))
        styles = net.generator.styles(noise)
        coarse, fine = styles[:rows], styles[rows:]
        whole = (rows, columns, *styles.shape[1:])
        first = jnp.broadcast_to(coarse[:, None], whole)
        second = jnp.broadcast_to(fine[None], whole)
        first, second = (x.reshape(-1, *styles.shape[1:]) for x in (first, second))
        mixed = mix_styles(first, second, jnp.full(rows * columns, place))
        images = net.generator.synthesise(jnp.concatenate([styles, mixed]))
        return jnp.clip((images + 1) / 2, 0, 1)

    def picture(outcome: Outcome) -> 'Figure':
        images = np.asarray(outcome.apply(drawn, jax.random.key(0)), np.float32)
        coarse, fine, mixed = np.split(images, [rows, rows + columns])
        mixed = mixed.reshape(rows, columns, *images.shape[1:])
        corner = np.full_like(images[:1], 0.5)
        lines = [corner, fine]
        for one, line in zip(coarse, mixed, strict=True):
            lines += [one[None], line]
        named = f'{title} (layer {place})'
        return grid(np.concatenate(lines), columns + 1, named)[0]

    return picture
