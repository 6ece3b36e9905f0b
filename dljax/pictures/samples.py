"""Pictures of generators: grids of samples, strips between them, points in the plane.

The noise follows from a fixed key, so that grids drawn along a training show the same
samples as they become better. All are of the first member of an ensemble.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.data import Mixture
from dljax.experiment import Outcome, Picture
from dljax.metrics import count_modes
from dljax.pictures.paths import Path, spherical
from dljax.types import Array, Key

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of images [..., height, width, channel] with 1 or 3 channels, in [0, 1].
Draw = Callable[[nn.Module, Key, int], Array]
DrawLabelled = Callable[[nn.Module, Key, Array], Array]
DrawFromNoise = Callable[[nn.Module, Array], Array]
SMALLEST = 32  # pixels that an image is shown by, at least


def tile(images: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """Put images into one array, row by row, with grey lines between them.

    One array is drawn as fast as one image is. Small images are magnified by a whole
    number, each pixel a square, so that the lines stay thin.

    Args:
        images: [count, height, width, channel] in [0, 1].
        columns: images in a row; the last row may be short.
        gap: width of a line, in pixels of the result.

    Returns:
        [height, width, channel] float32 in [0, 1].

    Example:
        >>> tile(np.ones((3, 16, 16, 1)), columns=2).shape
        (66, 66, 1)
    """
    count, height, width, channels = images.shape
    factor = max(SMALLEST // max(height, width), 1)
    images = np.repeat(np.repeat(images, factor, axis=1), factor, axis=2)
    rows, down, right = (
        -(-count // columns),
        factor * height + gap,
        factor * width + gap,
    )
    canvas = np.full((rows * down, columns * right, channels), 0.5, np.float32)
    for place, image in enumerate(images):
        top, left = place // columns * down, place % columns * right
        canvas[top : top + down - gap, left : left + right - gap] = image
    return np.clip(canvas[: -gap or None, : -gap or None], 0, 1)


def samples(
    draw: Draw, title: str = 'samples', rows: int = 8, columns: int = 8
) -> Picture:
    """Show samples in a tight grid.

    Args:
        draw: `(net, key, count) -> images` of [count, height, width, channel], in
            [0, 1].
        title: of the picture.
        rows: of the grid.
        columns: of the grid.

    Returns:
        The picture.
    """

    def drawn(net: nn.Module, key: Key) -> Array:
        return draw(net, key, rows * columns)

    def picture(outcome: Outcome) -> 'Figure':
        images = outcome.apply(drawn, jax.random.key(0))
        return grid(images, columns, title)[0]

    return picture


def by_class(
    draw: DrawLabelled,
    names: Sequence[str],
    title: str = 'samples by class',
    columns: int = 10,
) -> Picture:
    """Show samples in a row for each class; each column is of the same noise.

    Args:
        draw: `(net, key, labels) -> images` of [count, height, width, channel], in
            [0, 1], for labels [count] int32.
        names: of the classes, written before their rows.
        title: of the picture.
        columns: samples of each class.

    Returns:
        The picture.
    """

    def picture(outcome: Outcome) -> 'Figure':
        key = jax.random.key(0)
        images = np.concatenate(
            [
                outcome.apply(draw, key, jnp.full(columns, label, jnp.int32))
                for label in range(len(names))
            ]
        )
        return _in_rows(images, names, columns, title)

    return picture


def in_rows(draws: Mapping[str, Draw], title: str, columns: int = 10) -> Picture:
    """Show samples in a row for each way to make them, all from the same key.

    Args:
        draws: by what is written before their rows: `(net, key, count) -> images` of
            [count, height, width, channel], in [0, 1].
        title: of the picture.
        columns: samples of each.

    Returns:
        The picture.
    """

    def drawn(net: nn.Module, key: Key) -> tuple[Array, ...]:
        return tuple(draw(net, key, columns) for draw in draws.values())

    def picture(outcome: Outcome) -> 'Figure':
        images = np.concatenate(outcome.apply(drawn, jax.random.key(0)))
        return _in_rows(images, tuple(draws), columns, title)

    return picture


def _in_rows(
    images: np.ndarray, names: Sequence[str], columns: int, title: str
) -> 'Figure':
    """Write names before the rows of a grid."""
    figure, axes = grid(images, columns, title)
    canvas = axes.images[0].get_array()
    assert canvas is not None
    height = canvas.shape[0] / len(names)
    axes.set_axis_on()
    axes.tick_params(length=0, labelbottom=False, bottom=False)
    axes.set_yticks(height * (np.arange(len(names)) + 0.5), names)
    axes.spines[:].set_visible(False)
    return figure


def interpolations(
    draw: DrawFromNoise,
    latent: int,
    title: str = 'from one noise to another',
    *,
    path: Path = spherical,
    noise: Callable[[Key, tuple[int, ...]], Array] = jax.random.normal,
    rows: int = 6,
    columns: int = 9,
) -> Picture:
    """Show what lies between pairs of noise vectors: a strip for each pair.

    Args:
        draw: `(net, noise) -> images` of [count, height, width, channel], in [0, 1],
            for noise [count, latent].
        latent: dimension of the noise.
        title: of the picture; the name of the path is added.
        path: of `dljax.pictures.paths`: `spherical`, for normal noise, or `linear`, for
            uniform noise.
        noise: `(key, shape) -> noise`, what the generator was trained on.
        rows: pairs.
        columns: samples of a strip, its ends included.

    Returns:
        The picture.
    """

    def drawn(net: nn.Module, key: Key) -> Array:
        first, last = noise(key, (2, rows, 1, latent))
        fraction = jnp.linspace(0.0, 1.0, columns)[None, :]
        whole = (rows, columns, latent)
        first, last = jnp.broadcast_to(first, whole), jnp.broadcast_to(last, whole)
        return draw(net, path(first, last, fraction).reshape(-1, latent))

    def picture(outcome: Outcome) -> 'Figure':
        images = outcome.apply(drawn, jax.random.key(0))
        return grid(images, columns, f'{title} ({path.__name__})')[0]

    return picture


def plane(
    draws: Mapping[str, Draw], mixture: Mixture, title: str = '', count: int = 1000
) -> Picture:
    """Show samples in the plane over the centres of the mixture they should be from.

    Points of high quality, within three standard deviations of a centre, are blue,
    others red. The first panel is of the mixture itself.

    Args:
        draws: by the name of the generator: `(net, key, count) -> points` of
            [count, 2].
        mixture: what they were trained on.
        title: of the picture.
        count: points in a panel.

    Returns:
        The picture.
    """

    def drawn(net: nn.Module, key: Key) -> dict[str, Array]:
        return {name: draw(net, key, count) for name, draw in draws.items()}

    def picture(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        key = jax.random.key(0)
        shown = {mixture.name: mixture.draw(key, count)['point']}
        made = outcome.apply(drawn, key)  # which sorts the names
        shown |= {name: made[name] for name in draws}
        rows = -(-len(shown) // 4)
        columns = -(-len(shown) // rows)
        figure = Figure(
            figsize=(2.9 * columns, 3.3 * rows + 0.3 * bool(title)),
            layout='constrained',
        )
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in panels[len(shown) :]:
            axes.remove()
        for axes, (name, points) in zip(panels, shown.items(), strict=False):
            _scatter(axes, np.asarray(points, np.float64), mixture, name)
        figure.suptitle(title, fontsize=10)
        return figure

    return picture


def _scatter(axes: 'Axes', points: np.ndarray, mixture: Mixture, name: str) -> None:
    centres = np.asarray(mixture.centres, np.float64)
    found = count_modes(points, centres, mixture.deviation)
    gaps = np.linalg.norm(points[:, None] - centres[None], axis=-1)
    good = gaps.min(axis=1) <= 3 * mixture.deviation
    axes.scatter(*centres.T, s=90, facecolors='none', edgecolors='0.75', linewidths=1)
    for part, colour in ((~good, 'C3'), (good, 'C0')):
        axes.scatter(*points[part].T, s=3, color=colour, alpha=0.5, linewidths=0)
    reach = 1.35 * np.abs(centres).max() + 4 * mixture.deviation
    outside = int((np.abs(points) > reach).any(axis=1).sum())
    note = f', {outside} outside' if outside else ''
    axes.set_title(
        f'{name}\n{found.covered} of {len(centres)} modes, {found.quality:.1%} near'
        f'{note}',
        fontsize=9,
    )
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect='equal')
    axes.tick_params(labelsize=7)


def grid(
    images: Array | np.ndarray, columns: int, title: str
) -> tuple['Figure', 'Axes']:
    """Make a figure of nothing but tiles and a title.

    Args:
        images: [count, height, width, channel] in [0, 1], see `tile`.
        columns: images in a row.
        title: of the figure.

    Returns:
        The figure and its axes.
    """
    from matplotlib.figure import Figure

    canvas = tile(np.asarray(images, np.float32), columns)
    height, width = canvas.shape[:2]
    scale = 1 / 70  # inches for a pixel of the canvas
    figure = Figure(
        figsize=(max(scale * width, 3.0), scale * height + 0.4), layout='constrained'
    )
    axes = figure.add_subplot()
    grey = canvas.shape[-1] == 1
    axes.imshow(
        canvas[..., 0] if grey else canvas,
        cmap='gray',
        vmin=0,
        vmax=1,
        interpolation='nearest',
    )
    axes.set_axis_off()
    axes.set_title(title, fontsize=10)
    return figure, axes
