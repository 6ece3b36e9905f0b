"""Pictures of discrete codes: which code stands where, and what each stands for."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.experiment import Outcome, Picture
from dljax.pictures.codes import choose, image_rows
from dljax.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Part = Callable[[nn.Module], nn.Module]


def code_maps(part: Part, split: str = 'test', count: int = 16) -> Picture:
    """Show images, the codes that they become, and what is rebuilt from these.

    The colour of a code is the place of its vector on the first three principal
    components of the codebook, so that codes which are near each other look alike.

    Args:
        part: of the net, that has a codebook: `encode`, `images` and `quantiser`.
        split: which set, with 'image' [batch, height, width, channel] in [0, 1].
        count: how many images.

    Returns:
        The picture.
    """

    def look(net: nn.Module, image: Array) -> tuple[Array, Array, Array]:
        auto = part(net)
        codes = auto.encode(image)
        return codes, auto.images(codes), auto.quantiser.codebook()

    def draw(outcome: Outcome) -> 'Figure':
        batch = outcome.evaluation[split]
        image = np.asarray(batch['image'])[choose(batch, count)]
        codes, rebuilt, codebook = map(np.asarray, outcome.apply(look, image))
        factor = image.shape[1] // codes.shape[1]
        colours = colours_of(codebook)[codes]
        colours = colours.repeat(factor, axis=1).repeat(factor, axis=2)
        used = len(np.unique(codes))
        return image_rows(
            {
                'original': _coloured(image),
                f'{codes.shape[1]}x{codes.shape[2]} codes': colours,
                'rebuilt': _coloured(np.clip(rebuilt, 0, 1)),
            },
            f'{split} set; {used} of {len(codebook)} codes are in these images',
        )

    return draw


def codebook_images(part: Part, side: int = 3, columns: int = 16) -> Picture:
    """Show what each code stands for: the middle of a map of nothing but it.

    Args:
        part: of the net, that has a codebook: `images` and `quantiser`.
        side: codes along a side of that map.
        columns: codes in a row.

    Returns:
        The picture.
    """

    def look(net: nn.Module) -> Array:
        auto = part(net)
        every = jnp.arange(auto.quantiser.codes)[:, None, None]
        maps = jnp.broadcast_to(every, (auto.quantiser.codes, side, side))
        return auto.images(maps)

    def draw(outcome: Outcome) -> 'Figure':
        images = np.clip(np.asarray(outcome.apply(look)), 0, 1)
        factor = images.shape[1] // side
        first = side // 2 * factor
        tiles = images[:, first : first + factor, first : first + factor]
        rows = -(-len(tiles) // columns)
        blank = np.ones((rows * columns - len(tiles), *tiles.shape[1:]), tiles.dtype)
        tiles = np.concatenate([tiles, blank])
        return image_rows(
            {
                f'from {row * columns} on': tiles[row * columns : (row + 1) * columns]
                for row in range(rows)
            },
            'what each code of the codebook stands for among its like',
        )

    return draw


def colours_of(codebook: np.ndarray) -> np.ndarray:
    """Give each code a colour by the principal components of its vector.

    Args:
        codebook: [codes, features].

    Returns:
        [codes, 3] in [0, 1], by rank, so that all shades are in use.
    """
    centred = codebook - codebook.mean(0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:3]
    places = centred @ components.T
    places = np.pad(places, ((0, 0), (0, 3 - places.shape[1])))
    ranks = places.argsort(0, kind='stable').argsort(0, kind='stable')
    return (ranks / max(len(codebook) - 1, 1)).astype(np.float32)


def _coloured(images: np.ndarray) -> np.ndarray:
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images
