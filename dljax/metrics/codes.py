"""What a code is worth: which units act, what it tells, which space it spans."""

import chex
import jax
import jax.numpy as jnp

from dljax.types import Array


def active_fraction(code: Array) -> Array:
    """Fraction of the units that act in each example, (Σ|z_j| / n)² / (Σ z_j² / n).

    1 where all act equally, 1/n where one acts alone, whatever the scale; 2/π for
    normally distributed numbers. 0 for a code of nothing but zeros.

    Args:
        code: [batch, units].

    Returns:
        [batch] float32 in [0, 1].

    Reference:
        Treves, Rolls (1991), What Determines the Capacity of Autoassociative Memories
        in the Brain?, https://doi.org/10.1088/0954-898X_2_4_004

    Example:
        >>> import jax.numpy as jnp
        >>> print(active_fraction(jnp.array([[1., -1., 1., 1.], [0., 0., 5., 0.]])))
        [1.   0.25]
    """
    chex.assert_rank(code, 2)
    code = code.astype(jnp.float32)
    squares = jnp.square(code).mean(axis=1)
    fraction = jnp.square(jnp.abs(code).mean(axis=1)) / jnp.where(
        squares > 0, squares, 1
    )
    return jnp.where(squares > 0, fraction, 0.0)


def code_perplexity(indices: Array, codes: int) -> Array:
    """How many of the codes of a codebook are in use, exp(-Σ p_k log p_k).

    p_k is the fraction of the indices that are k: 1 where all are the same, K where
    all codes are equally frequent.

    Args:
        indices: [...] integers in [0, codes).
        codes: K, of the codebook.

    Returns:
        float32 scalar in [1, codes]; NaN for an index beyond the codes.

    Example:
        >>> import jax.numpy as jnp
        >>> print(code_perplexity(jnp.array([[0, 1], [1, 0]]), codes=8).round(3))
        2.0
    """
    flat = indices.reshape(-1)
    fraction = jnp.zeros(codes).at[flat].add(1.0) / flat.size
    surprise = jnp.where(fraction > 0, fraction * jnp.log(fraction), 0.0)
    known = ((flat >= 0) & (flat < codes)).all()
    return jnp.where(known, jnp.exp(-surprise.sum()), jnp.nan)


def nearest_neighbours(
    code: Array, known: Array, labels: Array, *, classes: int, neighbours: int = 5
) -> Array:
    """Classify each code as most of its nearest neighbours are.

    Of classes with equally many, that of the smallest number wins, as in scikit-learn.

    Args:
        code: [examples, units].
        known: [others, units], whose labels are known.
        labels: [others] in [0, classes).
        classes: how many there are.
        neighbours: how many vote, in [1, others].

    Returns:
        [examples] int32.

    Raises:
        ValueError: if the shapes do not belong together or `neighbours` is out of
            range.

    Reference:
        Cover, Hart (1967), Nearest Neighbor Pattern Classification,
        https://doi.org/10.1109/TIT.1967.1053964

    Example:
        >>> import jax.numpy as jnp
        >>> known, labels = jnp.array([[0.], [1.], [9.]]), jnp.array([0, 0, 1])
        >>> code = jnp.array([[2.], [7.]])
        >>> print(nearest_neighbours(code, known, labels, classes=2, neighbours=1))
        [0 1]
    """
    if code.ndim != 2 or known.ndim != 2 or code.shape[1] != known.shape[1]:
        raise ValueError(
            f'code and known have shapes {code.shape} and {known.shape}, wanted '
            '[examples, units] and [others, units]'
        )
    if labels.shape != known.shape[:1]:
        raise ValueError(
            f'labels have shape {labels.shape}, wanted {known.shape[:1]}, one for each '
            'known code'
        )
    if not 1 <= neighbours <= len(known):
        raise ValueError(
            f'neighbours is {neighbours}, wanted 1 to {len(known)}, the known codes'
        )
    code, known = code.astype(jnp.float32), known.astype(jnp.float32)
    # From a known code on: far from 0 the squares would drown what they differ by.
    code, known = code - known[:1], known - known[:1]
    # ‖x‖² is the same for all others of one example and changes no order.
    product = jnp.matmul(code, known.T, precision=jax.lax.Precision.HIGHEST)
    distances = jnp.square(known).sum(axis=1)[None, :] - 2.0 * product
    _, nearest = jax.lax.top_k(-distances, neighbours)
    votes = jax.nn.one_hot(labels[nearest], classes).sum(axis=1)
    return votes.argmax(axis=1).astype(jnp.int32)


def principal_angles(first: Array, second: Array) -> Array:
    """Angles between the spaces that two sets of vectors span, the largest first.

    All are 0 where one space holds the other. Small angles come from their sines,
    where a cosine would be rounded to 1.

    Args:
        first: [features, vectors], linearly independent columns.
        second: [features, other vectors], likewise.

    Returns:
        [smaller number of vectors] float32, in radians in [0, π/2].

    Raises:
        ValueError: if the vectors are not of one length, or more than their length.

    Reference:
        Björck, Golub (1973), Numerical Methods for Computing Angles Between Linear
        Subspaces, https://doi.org/10.1090/S0025-5718-1973-0348991-3

    Example:
        >>> import jax.numpy as jnp
        >>> x, diagonal = jnp.array([[1.], [0.]]), jnp.array([[1.], [1.]])
        >>> print(f'{jnp.degrees(principal_angles(x, diagonal))[0]:.3f}')
        45.000
    """
    for name, vectors in (('first', first), ('second', second)):
        if vectors.ndim != 2 or vectors.shape[1] > len(vectors):
            raise ValueError(
                f'{name} has shape {vectors.shape}, wanted [features, vectors] with '
                'no more vectors than features'
            )
    if len(first) != len(second):
        raise ValueError(
            f'first and second have shapes {first.shape} and {second.shape}, wanted '
            'vectors of one length'
        )
    a, b = (jnp.linalg.qr(v.astype(jnp.float32))[0] for v in (first, second))
    if a.shape[1] < b.shape[1]:
        a, b = b, a
    overlap = _product(a.T, b)
    cosines = jnp.linalg.svd(overlap, compute_uv=False)[::-1]
    sines = jnp.linalg.svd(b - _product(a, overlap), compute_uv=False)
    sines, cosines = jnp.clip(sines, 0.0, 1.0), jnp.clip(cosines, 0.0, 1.0)
    return jnp.where(cosines**2 < 0.5, jnp.arccos(cosines), jnp.arcsin(sines))


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
