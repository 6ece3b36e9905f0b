"""Kohonen's self-organising map (U1.13)."""

from typing import Literal

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.radial import squared_distances
from dljax.types import Array

Grid = Literal['rectangular', 'hexagonal']


def grid_coordinates(rows: int, columns: int, grid: Grid = 'rectangular') -> np.ndarray:
    """Place the units of a map in the plane, row after row.

    Adjacent units lie at distance 1: up to four on a rectangular grid, up to six on a
    hexagonal one, whose odd rows are shifted by a half and which are √3/2 apart.

    Args:
        rows: at least 1.
        columns: at least 1.
        grid: 'rectangular' or 'hexagonal'.

    Returns:
        [rows · columns, 2] float32, x and y of each unit.

    Raises:
        ValueError: for fewer than one row or column, or another grid.

    Example:
        >>> print(grid_coordinates(2, 2, 'hexagonal').round(2))
        [[0.   0.  ]
         [1.   0.  ]
         [0.5  0.87]
         [1.5  0.87]]
    """
    if rows < 1 or columns < 1:
        raise ValueError(
            f'rows is {rows} and columns is {columns}, wanted both to be at least 1'
        )
    if grid not in ('rectangular', 'hexagonal'):
        raise ValueError(f"grid is {grid!r}, wanted 'rectangular' or 'hexagonal'")
    y, x = (axis.ravel() for axis in np.mgrid[:rows, :columns].astype(np.float32))
    if grid == 'hexagonal':
        x, y = x + 0.5 * (y % 2), y * np.float32(np.sqrt(0.75))
    return np.stack([x, y], axis=1)


class SelfOrganisingMap(nn.Module):
    """Self-organising map: a grid of units, each with a prototype in the input space.

    An input's best unit is the one with the nearest prototype. The rules `kohonen` and
    `batch_map` of `dljax.rules` move it and its neighbours on the grid towards the
    input, so that units that are adjacent come to stand for inputs that are alike. The
    only parameter is `prototypes` [units, features].

    Attributes:
        rows: of the grid, at least 1.
        columns: of the grid, at least 1.
        grid: 'rectangular' or 'hexagonal'.
        dtype: the type of the result; None for that of the inputs. Distances are
            always computed in float32, since they cancel.
        param_dtype: the type of the parameters.
        prototypes_init: initialiser of the prototypes.

    Raises:
        ValueError: for fewer than one row or column, or another grid.

    Reference:
        Kohonen (1982), Self-Organized Formation of Topologically Correct Feature Maps,
        https://doi.org/10.1007/BF00337288

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, inputs = SelfOrganisingMap(rows=3, columns=2), jnp.ones((5, 4))
        >>> variables = net.init(jax.random.key(0), inputs)
        >>> print(net.apply(variables, inputs).shape)
        (5, 6)
    """

    rows: int = 10
    columns: int = 10
    grid: Grid = 'rectangular'
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    prototypes_init: Initializer = nn.initializers.normal(1.0)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        self.coordinates()

    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compare inputs and prototypes.

        Args:
            inputs: [batch, ...] float, normalised; all but the batch axis is flattened.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, units], minus the squared distances: the largest is the best unit's.
        """
        return -self.distances(inputs).astype(self.dtype or inputs.dtype)

    @nn.compact
    def distances(self, inputs: Array) -> Array:
        """Compute the squared distance of each input from each prototype.

        Args:
            inputs: [batch, ...] float, normalised; all but the batch axis is flattened.

        Returns:
            [batch, units] float32, at least 0.
        """
        x = inputs.reshape(inputs.shape[0], -1)
        shape = (self.rows * self.columns, x.shape[1])
        prototypes = self.param(
            'prototypes', self.prototypes_init, shape, self.param_dtype
        )
        return squared_distances(x, prototypes)

    def coordinates(self) -> Array:
        """Tell where the units lie.

        Returns:
            [units, 2] float32; adjacent units are at distance 1.
        """
        return jnp.asarray(grid_coordinates(self.rows, self.columns, self.grid))
