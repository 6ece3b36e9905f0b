"""Pictures of what a classifier of images looks at, and of what its layers make."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax import explain
from dljax.data import as_float
from dljax.experiment import Outcome, Picture
from dljax.explain import Explain
from dljax.explain.target import choose_label as chosen_class
from dljax.models.features import features
from dljax.pictures.basic import plain_names
from dljax.pictures.codes import choose
from dljax.pictures.progress import plain
from dljax.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHODS: Mapping[str, Explain] = {
    'gradient': explain.gradient,
    'SmoothGrad': explain.smooth_gradient,
    'integrated\ngradients': explain.integrated_gradients,
    'Grad-CAM': explain.grad_cam,
}


def explanations(
    names: Sequence[str],
    split: str = 'test',
    count: int = 6,
    *,
    methods: Mapping[str, Explain] = METHODS,
    part: str | None = None,
) -> Picture:
    """Show images, and beside each the maps that explain the class predicted for it.

    A map with negative values is red where it speaks for the class and blue where
    against it, white at 0; one without is laid over the image. Each has its own scale.

    Args:
        names: of the classes.
        split: which set, with 'image' [batch, height, width, channel] in [0, 1], or
            integers, of 1 or 3 channels and 'label'; the classes take turns.
        count: how many images.
        methods: of `dljax.explain`, or `(net, image) -> [batch, height, width,
            channel]`, by title.
        part: the field of a container that holds the classifier; None for the whole.

    Returns:
        The picture.
    """

    def look(net: nn.Module, image: Array) -> tuple[Array, list[Array]]:
        net = net if part is None else getattr(net, part)
        said = chosen_class(net(image, train=False), None)
        return said, [method(net, image).sum(-1) for method in methods.values()]

    def draw(outcome: Outcome) -> 'Figure':
        batch = outcome.evaluation[split]
        taken = choose(batch, count)
        image, true = _floats(batch['image'], taken), np.asarray(batch['label'])[taken]
        shown = plain_names(names)
        said, maps = outcome.apply(look, jnp.asarray(image))
        height, width = image.shape[1:3]
        figure = plain(
            1.35 * (1 + len(methods)) + 1.0, 1.35 * len(image) * height / width + 1.1
        )
        panels = figure.subplots(len(image), 1 + len(methods), squeeze=False)
        for row, line in enumerate(panels):
            _show(line[0], image[row])
            right = true[row] == said[row]
            line[0].set_ylabel(
                f'true {shown[true[row]]}\nsaid {shown[said[row]]}',
                color='black' if right else 'red',
                rotation=0,
                ha='right',
                va='center',
            )
            for axes, found in zip(line[1:], maps, strict=True):
                _lay(axes, np.asarray(found[row], np.float32), image[row])
        for axes, title in zip(panels[0], ('image', *methods), strict=True):
            axes.set_title(title, fontsize=10)
        figure.suptitle(
            f'{split}: why the class that was said? Red speaks for it, blue against it',
            fontsize=10,
        )
        return figure

    return draw


def feature_maps(
    layer: str,
    split: str = 'test',
    *,
    example: int = 0,
    most: int = 31,
    part: str | None = None,
) -> Picture:
    """Show what a layer makes of one image, a tile a channel, on one scale.

    Args:
        layer: path of the module, as in `dljax.models.features`, whose output is
            [batch, height, width, channel].
        split: which set; its images are in [0, 1], or integers, of 1 or 3 channels.
        example: which image.
        most: how many channels.
        part: the field of a container that holds the classifier; None for the whole.

    Returns:
        The picture, whose first tile is the image. It raises ValueError for a layer
        that is not there or has no places.
    """

    def look(net: nn.Module, image: Array) -> Array:
        net = net if part is None else getattr(net, part)
        return features(net, image, [layer])[1][layer]

    def draw(outcome: Outcome) -> 'Figure':
        image = _floats(outcome.evaluation[split]['image'], np.array([example]))[0]
        maps = np.asarray(outcome.apply(look, jnp.asarray(image)[None]), np.float32)
        if maps.ndim != 4:
            raise ValueError(
                f"'{layer}' gives {maps.shape}, wanted [batch, height, width, channel]:"
                ' name a convolution or a block of some'
            )
        channels = maps.shape[-1]
        tiles = [image, *np.moveaxis(maps[0], -1, 0)[:most]]
        columns = min(len(tiles), 8)
        rows = -(-len(tiles) // columns)
        figure = plain(1.15 * columns + 1, 1.2 * rows + 0.5)
        panels = figure.subplots(rows, columns, squeeze=False)
        _show(panels[0, 0], image)
        panels[0, 0].set_title('image', fontsize=8)
        signed, extent = maps.min() < 0, max(float(np.abs(maps).max()), 1e-12)
        for axes, tile in zip(panels.ravel()[1:], tiles[1:], strict=False):
            drawn = axes.imshow(
                tile,
                cmap='RdBu_r' if signed else 'magma',
                vmin=-extent if signed else 0,
                vmax=extent,
            )
            axes.set(xticks=[], yticks=[])
        for axes in panels.ravel()[len(tiles) :]:
            axes.set_axis_off()
        figure.colorbar(drawn, ax=panels, shrink=0.8)
        number = f'{channels}' if channels <= most else f'{most} of {channels}'
        figure.suptitle(
            f'{number} channels of {layer} for {split} example {example}', fontsize=10
        )
        return figure

    return draw


def _floats(images: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Take images out of a set, integers as floats in [0, 1]."""
    images = np.asarray(images)[taken]
    return as_float(images) if images.dtype.kind == 'u' else images


def _show(axes: 'Axes', image: np.ndarray) -> None:
    grey = image.shape[-1] == 1
    shown = image[..., 0] if grey else np.clip(image, 0, 1)
    axes.imshow(shown, cmap='gray', vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])


def _lay(axes: 'Axes', found: np.ndarray, image: np.ndarray) -> None:
    """Draw a map: a signed one in two colours, another over its image."""
    extent = max(float(np.quantile(np.abs(found), 0.995)), 1e-12)
    if found.min() < 0:
        axes.imshow(found, cmap='RdBu_r', vmin=-extent, vmax=extent)
    else:
        _show(axes, image)
        axes.imshow(found, cmap='inferno', vmin=0, vmax=extent, alpha=0.6)
    axes.set(xticks=[], yticks=[])
