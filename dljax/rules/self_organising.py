"""Self-organising maps: winners draw their neighbours along."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dljax.rules.kmeans import assign
from dljax.types import Array

Neighbourhood = Callable[[Array, Array | float], Array]
_SMALLEST = 1e-3  # a radius of 0 stands for it: the winner alone


def gaussian(distances: Array, radius: Array | float) -> Array:
    """Weigh neighbours by exp(-d² / (2 r²)).

    Args:
        distances: d ≥ 0 on the grid, of any shape.
        radius: r, a scalar of at least 0; at 0 a unit has no neighbour but itself.

    Returns:
        Weights of the same shape in [0, 1], float32.

    Example:
        >>> import jax.numpy as jnp
        >>> print(gaussian(jnp.array([0., 1., 2.]), 1.).round(1))
        [1.  0.6 0.1]
    """
    radius = jnp.maximum(jnp.asarray(radius, jnp.float32), _SMALLEST)
    return jnp.exp(-0.5 * jnp.square(distances.astype(jnp.float32) / radius))


def bubble(distances: Array, radius: Array | float) -> Array:
    """Weigh neighbours up to the radius by 1, and those beyond it by 0.

    Args:
        distances: d ≥ 0 on the grid, of any shape.
        radius: r, a scalar of at least 0; at 0 a unit has no neighbour but itself.

    Returns:
        Weights of the same shape, 0 or 1, float32.

    Example:
        >>> import jax.numpy as jnp
        >>> print(bubble(jnp.array([0., 1., 2.]), 1.))
        [1. 1. 0.]
    """
    # Distances of a hexagonal grid are rounded roots.
    return (distances <= jnp.asarray(radius) + _SMALLEST).astype(jnp.float32)


def kohonen(
    prototypes: Array,
    inputs: Array,
    coordinates: Array,
    radius: Array | float,
    *,
    neighbourhood: Neighbourhood = gaussian,
) -> Array:
    """Direction of Kohonen's rule, w_j += rate h(j, c) (x - w_j) with the winner c.

    With one example a batch it is the rule of 1982; of more examples it is the mean.

    Args:
        prototypes: [units, features] w.
        inputs: [batch, features] x.
        coordinates: [units, 2], where the units lie on the grid.
        radius: of the neighbourhood h on the grid, a scalar of at least 0.
        neighbourhood: h, of the distance on the grid and the radius.

    Returns:
        [units, features] float32, the mean of h(j, c) (w_j - x).

    Raises:
        ValueError: if the shapes do not belong together.

    Reference:
        Kohonen (1982), Self-Organized Formation of Topologically Correct Feature Maps,
        https://doi.org/10.1007/BF00337288

    Example:
        >>> import jax.numpy as jnp
        >>> w, places = jnp.array([[0.], [4.]]), jnp.array([[0., 0.], [1., 0.]])
        >>> print(kohonen(w, jnp.array([[1.]]), places, 0.).ravel())
        [-1.  0.]
    """
    weights = _weights(prototypes, inputs, coordinates, radius, neighbourhood)
    prototypes, inputs = _near(prototypes, inputs)
    totals = weights.sum(axis=0)[:, None]
    return (totals * prototypes - _sums(weights, inputs)) / len(inputs)


def batch_map(
    prototypes: Array,
    inputs: Array,
    coordinates: Array,
    radius: Array | float,
    *,
    neighbourhood: Neighbourhood = gaussian,
) -> Array:
    """Direction from the neighbourhood's mean of the inputs to each prototype.

    w_j - Σ_x h(j, c(x)) x / Σ_x h(j, c(x)): `optax.sgd(1.)` on all inputs is one round
    of the batch map, which needs no rate. Without neighbours it is k-means. A unit to
    which no input is a neighbour stays where it is.

    Args:
        prototypes: [units, features] w.
        inputs: [batch, features] x.
        coordinates: [units, 2], where the units lie on the grid.
        radius: of the neighbourhood h on the grid, a scalar of at least 0.
        neighbourhood: h, of the distance on the grid and the radius.

    Returns:
        [units, features] float32.

    Raises:
        ValueError: if the shapes do not belong together.

    Reference:
        Kohonen (2001), Self-Organizing Maps, section 3.6,
        https://doi.org/10.1007/978-3-642-56927-2

    Example:
        >>> import jax.numpy as jnp
        >>> w, places = jnp.array([[0.], [4.]]), jnp.array([[0., 0.], [1., 0.]])
        >>> print(batch_map(w, jnp.array([[1.], [5.]]), places, 1e4).ravel())
        [-3.  1.]
    """
    weights = _weights(prototypes, inputs, coordinates, radius, neighbourhood)
    prototypes, inputs = _near(prototypes, inputs)
    totals = weights.sum(axis=0)[:, None]
    # Weights too small to divide by are those of a unit far from all winners.
    near = totals > 1e-30
    means = _sums(weights, inputs) / jnp.where(near, totals, 1.0)
    return jnp.where(near, prototypes - means, 0.0)


def _weights(
    prototypes: Array,
    inputs: Array,
    coordinates: Array,
    radius: Array | float,
    neighbourhood: Neighbourhood,
) -> Array:
    """Weigh each unit for each input: [batch, units]."""
    if coordinates.shape != (len(prototypes), 2):
        raise ValueError(
            f'coordinates have shape {coordinates.shape}, wanted '
            f'{(len(prototypes), 2)}: a place on the grid for each prototype'
        )
    gaps = coordinates[:, None, :] - coordinates[None, :, :]
    among_units = neighbourhood(jnp.sqrt(jnp.square(gaps).sum(axis=-1)), radius)
    return among_units[assign(prototypes, inputs)]


def _near(prototypes: Array, inputs: Array) -> tuple[Array, Array]:
    """Take both from the first prototype on, which no gap between them feels.

    Sums of numbers far from 0 would be rounded by more than the gaps.
    """
    prototypes, inputs = prototypes.astype(jnp.float32), inputs.astype(jnp.float32)
    return prototypes - prototypes[:1], inputs - prototypes[:1]


def _sums(weights: Array, inputs: Array) -> Array:
    return jnp.matmul(weights.T, inputs, precision=jax.lax.Precision.HIGHEST)
