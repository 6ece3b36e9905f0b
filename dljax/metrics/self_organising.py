"""How well a self-organising map fits its inputs, and how well it is unfolded."""

import chex
import jax
import jax.numpy as jnp

from dljax.types import Array


def quantisation_error(distances: Array) -> Array:
    """Distance of each input from its best unit.

    Args:
        distances: [batch, units], squared, of each input from each prototype.

    Returns:
        [batch] float32, at least 0, in the units of the inputs.

    Reference:
        Kohonen (2001), Self-Organizing Maps, https://doi.org/10.1007/978-3-642-56927-2

    Example:
        >>> import jax.numpy as jnp
        >>> print(quantisation_error(jnp.array([[25., 9.]])))
        [3.]
    """
    chex.assert_rank(distances, 2)
    return jnp.sqrt(jnp.maximum(distances.astype(jnp.float32).min(axis=1), 0.0))


def topographic_error(distances: Array, coordinates: Array) -> Array:
    """Whether an input's two best units are not adjacent: where the map is folded.

    Adjacent are units at distance 1: four on a rectangular grid, where a diagonal is
    not adjacent, six on a hexagonal one.

    Args:
        distances: [batch, units], squared, of each input from each prototype.
        coordinates: [units, 2], where the units lie on the grid; at least two units.

    Returns:
        [batch] float32, 0 or 1.

    Raises:
        ValueError: if the shapes do not belong together, or for a single unit.

    Reference:
        Kiviluoto (1996), Topology Preservation in Self-Organizing Maps,
        https://doi.org/10.1109/ICNN.1996.548907

    Example:
        >>> import jax.numpy as jnp
        >>> row = jnp.array([[0., 0.], [1., 0.], [2., 0.]])
        >>> print(topographic_error(jnp.array([[0., 1., 9.], [0., 9., 1.]]), row))
        [0. 1.]
    """
    units = distances.shape[-1]
    if coordinates.shape != (units, 2) or units < 2:
        raise ValueError(
            f'coordinates have shape {coordinates.shape} for {units} units, wanted '
            f'{(units, 2)}, and at least two units'
        )
    _, best = jax.lax.top_k(-distances.astype(jnp.float32), 2)
    return 1.0 - adjacent(coordinates)[best[:, 0], best[:, 1]].astype(jnp.float32)


def adjacent(coordinates: Array) -> Array:
    """Tell which units of a grid are neighbours: those at distance 1.

    Args:
        coordinates: [units, 2].

    Returns:
        [units, units] bool, symmetric; no unit is its own neighbour.

    Example:
        >>> import jax.numpy as jnp
        >>> print(adjacent(jnp.array([[0., 0.], [1., 0.], [2., 0.]])).astype(int))
        [[0 1 0]
         [1 0 1]
         [0 1 0]]
    """
    chex.assert_shape(coordinates, (None, 2))
    gaps = coordinates[:, None, :] - coordinates[None, :, :]
    # Coordinates of a hexagonal grid are rounded; the next distance is √2 or √3.
    return jnp.abs(jnp.square(gaps).sum(axis=-1) - 1.0) < 0.1
