"""Pictures of maps: each distance, class and image at its place on the grid."""

import jax.numpy as jnp
import numpy as np
import pytest

from dljax.experiment import Outcome
from dljax.models.self_organising import SelfOrganisingMap, grid_coordinates
from dljax.pictures.maps import class_map, prototype_map, u_matrix, u_matrix_cells
from dljax.types import State

PROTOTYPES = np.eye(6, 4, dtype=np.float32)
INPUTS = PROTOTYPES[[0, 0, 0, 3]]
LABELS = np.array([1, 1, 0, 0], np.int32)


def outcome(grid: str) -> Outcome:
    net = SelfOrganisingMap(rows=2, columns=3, grid=grid)
    state = State(jnp.int32(0), {'prototypes': jnp.asarray(PROTOTYPES)}, {}, {})
    sets = {'train': {'features': INPUTS, 'label': LABELS}}
    return Outcome(net, state, state, sets, [])


def test_a_u_matrix_shows_each_distance_at_its_place() -> None:
    places = grid_coordinates(2, 2)
    prototypes = np.array([[0.0], [1.0], [3.0], [10.0]])
    cells, values = u_matrix_cells(places, prototypes)
    shown = {tuple(c): v for c, v in zip(cells.tolist(), values, strict=True)}
    assert len(shown) == 9
    assert shown[0.5, 0] == 1 and shown[0, 0.5] == 3
    assert shown[1, 0.5] == 9 and shown[0.5, 1] == 7
    assert shown[0, 0] == 2 and shown[1, 1] == 8
    assert shown[0.5, 0.5] == pytest.approx((10 + 2) / 2 / np.sqrt(2))
    cells, values = u_matrix_cells(grid_coordinates(2, 2, 'hexagonal'), prototypes)
    assert len(cells) == 4 + 5  # all pairs but 0 and 3 touch
    assert values.min() == 1.0


@pytest.mark.parametrize(('grid', 'corners'), [('rectangular', 4), ('hexagonal', 6)])
def test_cells_have_the_corners_of_their_grid_and_tile_it(
    grid: str, corners: int
) -> None:
    (cells,) = u_matrix(outcome(grid)).axes[0].collections[:1]
    paths = [path.vertices[:-1] for path in cells.get_paths()]
    assert {len(corner) for corner in paths} == {corners}
    # Neighbours share a side: two corners, to rounding.
    first, second = (
        {tuple(np.round(c, 4)) for c in corner.tolist()}
        for corner in (paths[0], paths[6])
    )
    assert len(first & second) == 2


@pytest.mark.parametrize('grid', ['rectangular', 'hexagonal'])
def test_a_class_map_counts_the_examples_of_each_unit(grid: str) -> None:
    axes = class_map(['a', 'b'])(outcome(grid)).axes[0]
    shown = {t.get_position(): t.get_text() for t in axes.texts}
    places = [tuple(p) for p in grid_coordinates(2, 3, grid)]
    assert shown == {places[0]: '3', places[3]: '1'}
    faces = axes.collections[0].get_facecolors()
    red = faces[:, 0] - faces[:, 2] > 0.1  # 'b' is orange, 'a' blue
    assert red[0] and not red[3] and (faces[[1, 2, 4, 5], :3] == 1).all()


def test_prototypes_lie_where_their_units_do() -> None:
    images = prototype_map((2, 2))(outcome('hexagonal')).axes[0].images
    np.testing.assert_array_equal(images[4].get_array(), PROTOTYPES[4].reshape(2, 2))
    left, right, bottom, top = images[4].get_extent()
    assert (left + right) / 2 == pytest.approx(1.5)
    assert (bottom + top) / 2 == pytest.approx(np.sqrt(0.75))
