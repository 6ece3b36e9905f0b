"""Pictures of image translations: what came in, what was made, what came back."""

from typing import TYPE_CHECKING

import numpy as np
from flax import linen as nn

from dljax.experiment import Outcome, Picture
from dljax.pictures.codes import image_rows
from dljax.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def cycles(split: str = 'test', way: str = 'ab', count: int = 12) -> Picture:
    """Show images, their translations, and what comes back of these.

    Args:
        split: which set.
        way: 'ab' or 'ba', from which domain to which.
        count: images.

    Returns:
        The picture, of a `CycleTranslation`.
    """
    given, other = way

    def there_and_back(net: nn.Module, images: Array) -> tuple[Array, Array]:
        made = getattr(net, f'generator_{way}')(images, train=False)
        return made, getattr(net, f'generator_{other}{given}')(made, train=False)

    def draw(outcome: Outcome) -> 'Figure':
        images = np.asarray(outcome.evaluation[split][given][:count])
        made, back = outcome.apply(there_and_back, images)
        rows = {f'of {given.upper()}': images, f'in {other.upper()}': made}
        shown = {name: unsigned(row) for name, row in (rows | {'back': back}).items()}
        return image_rows(alike(shown), f'{split}: {given.upper()} to {other.upper()}')

    return draw


def pairs(split: str = 'test', count: int = 10, first: int = 0) -> Picture:
    """Show images, their translations, and what these should be.

    Args:
        split: which set.
        count: images.
        first: of them.

    Returns:
        The picture, of a `PairedTranslation`.
    """

    def translate(net: nn.Module, images: Array) -> Array:
        return net.generator(images, train=False)

    def draw(outcome: Outcome) -> 'Figure':
        arrays = outcome.evaluation[split]
        given, truth = (arrays[name][first : first + count] for name in ('a', 'b'))
        made = outcome.apply(translate, np.asarray(given))
        rows = {'given': given, 'made': made, 'true': truth}
        shown = {name: unsigned(np.asarray(row)) for name, row in rows.items()}
        return image_rows(alike(shown), split)

    return draw


def unsigned(images: Array | np.ndarray) -> np.ndarray:
    """Map images from [-1, 1] to [0, 1].

    Args:
        images: any shape.

    Returns:
        The shape of the images, float32.
    """
    return np.clip((np.asarray(images, np.float32) + 1) / 2, 0, 1)


def alike(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give grey images three channels where others have them."""
    most = max(row.shape[-1] for row in rows.values())
    return {
        name: np.repeat(row, most // row.shape[-1], axis=-1)
        for name, row in rows.items()
    }
