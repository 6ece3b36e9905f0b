"""Pictures of self-organising maps: cells of the grid, as squares or real hexagons."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.experiment import Outcome, Picture
from dljax.metrics import adjacent
from dljax.types import Array, Batch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PatchCollection
    from matplotlib.figure import Figure


def u_matrix(outcome: Outcome) -> 'Figure':
    """Draw how far apart adjacent prototypes are: ridges part clusters.

    A cell between two units shows the distance of their prototypes, a unit (marked by a
    dot) the mean over its neighbours. Where four squares meet, the cell shows the mean
    of the two diagonals, in the measure of a side.

    Reference:
        Ultsch, Siemon (1990), Kohonen's Self Organizing Feature Maps for Exploratory
        Data Analysis, Proceedings of the INNC, pages 305-308
    """
    places = np.asarray(outcome.net.coordinates())
    cells, values = u_matrix_cells(
        places, np.asarray(outcome.state.params['prototypes'])
    )
    figure, axes = _canvas(places)
    drawn = _cells(axes, cells, outcome.net.grid, width=0.5)
    drawn.set(array=values, cmap='viridis')
    axes.scatter(*places.T, s=6, color='white', linewidths=0)
    figure.colorbar(drawn, label='distance of the prototypes', shrink=0.8)
    axes.set_title('U-matrix')
    return figure


def u_matrix_cells(
    places: np.ndarray, prototypes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the cells of a U-matrix.

    Args:
        places: [units, 2], adjacent units at distance 1.
        prototypes: [units, features].

    Returns:
        The places of the cells [cells, 2], the units first, half a unit apart, and
        their values [cells]: the distances of the prototypes.
    """
    gaps = np.square(places[:, None] - places[None]).sum(-1)
    far = np.sqrt(np.square(prototypes[:, None] - prototypes[None]).sum(-1))
    near = np.asarray(adjacent(jnp.asarray(places)))
    at_units = (far * near).sum(1) / np.maximum(near.sum(1), 1)
    i, j = np.nonzero(np.triu(near))
    cells, values = [places, (places[i] + places[j]) / 2], [at_units, far[i, j]]
    # No two units of a hexagonal grid are √2 apart.
    i, j = np.nonzero(np.triu(np.abs(gaps - 2) < 0.1))
    if len(i):
        middles = (places[i] + places[j]) / 2
        crossings, which = np.unique(middles, axis=0, return_inverse=True)
        sums = np.bincount(which.ravel(), far[i, j] / np.sqrt(2))
        cells.append(crossings)
        values.append(sums / np.bincount(which.ravel()))
    return np.concatenate(cells), np.concatenate(values)


def class_map(
    names: Sequence[str], feature: str = 'features', split: str = 'train'
) -> Picture:
    """Colour each unit by the class of most of the examples whose best unit it is.

    Args:
        names: of the classes.
        feature: name of the input in the batch.
        split: which set; its 'label' is [example].

    Returns:
        The picture; in each unit the number of its examples, none where it has none.
    """

    def best(net: nn.Module, batch: Batch) -> Array:
        return net(jnp.asarray(batch[feature]), train=False).argmax(axis=1)

    def draw(outcome: Outcome) -> 'Figure':
        import matplotlib

        batch = outcome.evaluation[split]
        places = np.asarray(outcome.net.coordinates())
        winners, labels = np.asarray(outcome.apply(best, batch)), batch['label']
        counts = np.zeros((len(places), len(names)), int)
        np.add.at(counts, (winners, np.asarray(labels)), 1)
        colours = matplotlib.colormaps['tab10'](np.arange(len(names)) % 10)
        hits = counts.sum(1)
        faces = np.where(hits[:, None] > 0, colours[counts.argmax(1)], 1.0)
        # The paler, the more mixed.
        purity = counts.max(1) / np.maximum(hits, 1)
        faces[:, :3] += (1 - faces[:, :3]) * (0.25 + 0.75 * (1 - purity))[:, None]
        figure, axes = _canvas(places)
        drawn = _cells(axes, places, outcome.net.grid, width=1.0)
        drawn.set(facecolors=faces, edgecolors='0.8')
        for (x, y), count in zip(places, hits, strict=True):
            if count:
                axes.text(x, y, f'{count}', ha='center', va='center', fontsize=7)
        for name, colour in zip(names, colours, strict=True):
            axes.scatter([], [], marker='s', color=colour, label=name)
        figure.legend(loc='outside lower center', ncols=min(len(names), 10))
        axes.set_title(f'{split}: class and number of the examples of each unit')
        return figure

    return draw


def prototype_map(shape: tuple[int, int]) -> Picture:
    """Show each prototype as an image at its place on the grid.

    Args:
        shape: height and width of an image; values in [0, 1] are shown.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        places = np.asarray(outcome.net.coordinates())
        images = np.asarray(outcome.state.params['prototypes']).reshape(-1, *shape)
        figure, axes = _canvas(places)
        for (x, y), image in zip(places, images, strict=True):
            half = 0.41
            axes.imshow(
                image,
                cmap='gray',
                vmin=0,
                vmax=1,
                extent=(x - half, x + half, y + half, y - half),
            )
        low, high = places.min(0) - 0.6, places.max(0) + 0.6
        axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), title='prototypes')
        return figure

    return draw


def _canvas(places: np.ndarray) -> tuple['Figure', 'Axes']:
    """Make empty axes on which the first row of units is on top."""
    from matplotlib.figure import Figure

    width, height = np.ptp(places, axis=0) + 1.5
    scale = 6.5 / max(width, height)
    figure = Figure(
        figsize=(scale * width + 1.2, scale * height + 0.8), layout='constrained'
    )
    axes = figure.add_subplot()
    axes.set(aspect='equal')
    axes.set_axis_off()
    axes.invert_yaxis()
    return figure, axes


def _cells(
    axes: 'Axes', places: np.ndarray, grid: str, width: float
) -> 'PatchCollection':
    """Tile the plane with a cell at each place."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import RegularPolygon

    hexagonal = grid == 'hexagonal'
    corners, radius = (6, width / np.sqrt(3)) if hexagonal else (4, width / np.sqrt(2))
    turn = 0.0 if hexagonal else np.pi / 4
    tiles = [
        RegularPolygon(p, corners, radius=radius, orientation=turn) for p in places
    ]
    drawn = PatchCollection(tiles, linewidths=0.3, edgecolors='face')
    axes.add_collection(drawn)
    axes.autoscale_view()
    return drawn
