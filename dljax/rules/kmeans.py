"""Clustering by k-means: where centres start, how they move, how wide they reach."""

import jax
import jax.numpy as jnp

from dljax.types import Array, Key


def _check(centres: Array, points: Array) -> None:
    both = centres.ndim == points.ndim == 2
    if not both or centres.shape[1] != points.shape[1]:
        raise ValueError(
            f'centres and points have shapes {centres.shape} and {points.shape}, '
            'wanted [clusters, features] and [points, features]: flatten the points'
        )


def _distances(points: Array, centres: Array) -> Array:
    # Differences, since a near tie must not be decided by cancellation.
    differences = points[:, None, :].astype(jnp.float32) - centres[None, :, :]
    return jnp.square(differences).sum(axis=-1)


def assign(centres: Array, points: Array) -> Array:
    """Find the nearest centre of each point.

    Args:
        centres: [clusters, features].
        points: [points, features].

    Returns:
        [points] int32 in [0, clusters); the first of several that are equally near.

    Raises:
        ValueError: if the shapes do not belong together.

    Example:
        >>> import jax.numpy as jnp
        >>> print(assign(jnp.array([[0.], [10.]]), jnp.array([[1.], [8.], [2.]])))
        [0 1 0]
    """
    _check(centres, points)
    return _distances(points, centres).argmin(axis=1).astype(jnp.int32)


def kmeans(centres: Array, points: Array) -> Array:
    """Direction from the mean of each cluster's points to its centre.

    `optax.sgd(1.)` on all points is one round of Lloyd's algorithm; a smaller rate on
    batches is MacQueen's. A centre without points stays where it is.

    Args:
        centres: [clusters, features] c.
        points: [points, features].

    Returns:
        [clusters, features] float32, c - mean of the points that are nearest to c.

    Raises:
        ValueError: if the shapes do not belong together.

    Reference:
        Lloyd (1982), Least Squares Quantization in PCM,
        https://doi.org/10.1109/TIT.1982.1056489

    Example:
        >>> import jax.numpy as jnp
        >>> centres = jnp.array([[0.], [10.], [99.]])
        >>> print(kmeans(centres, jnp.array([[1.], [3.], [12.]])).ravel())
        [-2. -2.  0.]
    """
    found = assign(centres, points)
    nearest = jax.nn.one_hot(found, len(centres))
    counts = nearest.sum(axis=0)[:, None]
    # Sums of gaps: those of points far from 0 would be rounded by more than the gaps.
    gaps = centres.astype(jnp.float32)[found] - points.astype(jnp.float32)
    sums = jnp.matmul(nearest.T, gaps, precision=jax.lax.Precision.HIGHEST)
    return sums / jnp.maximum(counts, 1.0)


def initial_centres(key: Key, points: Array, clusters: int) -> Array:
    """Choose points as first centres, far apart from each other (k-means++).

    Each is drawn with a probability in proportion to its squared distance from the
    nearest one that is chosen already.

    Args:
        key: a random key.
        points: [points, features].
        clusters: how many to choose, from 1 to the number of points.

    Returns:
        [clusters, features] float32.

    Raises:
        ValueError: if `clusters` is out of range or `points` is no table.

    Reference:
        Arthur, Vassilvitskii (2007), k-means++: The Advantages of Careful Seeding,
        http://ilpubs.stanford.edu:8090/778/

    Example:
        >>> import jax, jax.numpy as jnp
        >>> points = jnp.array([[0.], [0.], [0.], [9.]])
        >>> centres = initial_centres(jax.random.key(0), points, 2)
        >>> print(sorted(centres.ravel().tolist()))
        [0.0, 9.0]
    """
    if points.ndim != 2 or not 1 <= clusters <= len(points):
        raise ValueError(
            f'clusters is {clusters} for points of shape {points.shape}, wanted a '
            'number from 1 to that of the points, and points of [points, features]'
        )
    points = points.astype(jnp.float32)
    first = jax.random.randint(jax.random.fold_in(key, 0), (), 0, len(points))
    centres = jnp.broadcast_to(points[first], (clusters, points.shape[1]))

    def choose(index: int, centres: Array) -> Array:
        # Places that are still free repeat the first centre and change no minimum.
        nearest = _distances(points, centres).min(axis=1)
        # Where all points are taken every logarithm is -inf: draw evenly then.
        odds = jnp.where(nearest.max() > 0, jnp.log(nearest), jnp.zeros_like(nearest))
        drawn = jax.random.categorical(jax.random.fold_in(key, index), odds)
        return centres.at[index].set(points[drawn])

    return jax.lax.fori_loop(1, clusters, choose, centres)


def spread(centres: Array, *, neighbours: int = 2) -> Array:
    """Width for each Gaussian unit: how far its nearest neighbours are.

    The root of the mean squared distance to the nearest other centres, so that
    neighbouring units overlap a little and no place between them is left out.

    Args:
        centres: [clusters, features], at least two.
        neighbours: how many count, from 1 to clusters - 1.

    Returns:
        [clusters] float32, at least 0.

    Raises:
        ValueError: if `neighbours` is out of range.

    Reference:
        Moody, Darken (1989), Fast Learning in Networks of Locally-Tuned Processing
        Units, https://doi.org/10.1162/neco.1989.1.2.281

    Example:
        >>> import jax.numpy as jnp
        >>> print(spread(jnp.array([[0.], [3.], [9.]]), neighbours=1))
        [3. 3. 6.]
    """
    if not 1 <= neighbours < len(centres):
        raise ValueError(
            f'neighbours is {neighbours}, wanted a number from 1 to '
            f'{len(centres) - 1}, that of the other centres'
        )
    distances = _distances(centres, centres)
    nearest = jnp.sort(distances, axis=1)[:, 1 : neighbours + 1]
    return jnp.sqrt(nearest.mean(axis=1))
