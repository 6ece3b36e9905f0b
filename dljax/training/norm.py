"""The length of a gradient, all of its leaves together, and clipping by it."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax

from dljax.types import Array, PyTree

LARGE = 2**14  # elements from which folding adds up faster than a sum
# Sums over longer axes XLA divides into windows on a CPU, which it does not fuse with
# the squares; over much shorter ones little is gained.
SHORTEST, LONGEST = 8, 32


def global_norm(tree: PyTree) -> Array:
    """Compute √Σ g² over all leaves.

    On a CPU the squares of a large leaf are added up over a part of one axis first, so
    that they are never stored; elsewhere as one sum. A leaf that is split over devices
    stays where it is.

    Args:
        tree: of arrays.

    Returns:
        float32 scalar, float64 where a leaf is.

    Example:
        >>> print(global_norm({'w': jnp.array([3.0]), 'b': jnp.array([4.0])}))
        5.0
    """
    total = sum((_squares(jnp.asarray(leaf)) for leaf in jax.tree.leaves(tree)), 0.0)
    return jnp.sqrt(jnp.asarray(total))


def clip_to_norm(norm: float) -> optax.GradientTransformation:
    """Shorten what is longer than a global norm, as `optax.clip_by_global_norm`.

    Its length is computed as the learner's metric is, and so only once.

    Args:
        norm: the largest norm allowed; positive.

    Returns:
        The transformation; chain it before an optimizer.

    Raises:
        ValueError: for a norm that is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> updates, _ = clip_to_norm(1.).update({'w': jnp.array([3., 4.])}, None)
        >>> [f'{x:.2f}' for x in updates['w']]
        ['0.60', '0.80']
    """
    if not norm > 0:
        raise ValueError(f'norm={norm}, wanted a positive number')

    def clip(updates: PyTree, params: PyTree | None = None) -> PyTree:
        length = global_norm(updates)

        def one(update: Array) -> Array:
            shorter = update / length.astype(update.dtype) * norm
            return jnp.where(length < norm, update, shorter)

        return jax.tree.map(one, updates)

    return optax.stateless(clip)


def all_finite(leaves: Sequence[Array]) -> Array:
    """Tell whether every number of some arrays is finite, as quickly as their norm.

    Args:
        leaves: floats of any shape, one array or more.

    Returns:
        A boolean scalar.

    Example:
        >>> [bool(all_finite([jnp.array(value)])) for value in (1e38, jnp.inf)]
        [True, False]
    """
    # Zero times what is not finite is NaN. A sum of its own costs each small leaf more
    # than its numbers do.
    small = [_wide(leaf.ravel()) * 0 for leaf in leaves if leaf.size < LARGE]
    sums = [_added(leaf, lambda x: x * 0) for leaf in leaves if leaf.size >= LARGE]
    sums += [jnp.concatenate(small).sum()] if small else []
    return ~jnp.isnan(sum(sums))


def _squares(leaf: Array) -> Array:
    return _added(leaf, lambda x: x**2)


def _added(leaf: Array, of: Callable[[Array], Array]) -> Array:
    def added(leaf: Array) -> Array:
        return of(_wide(leaf)).sum()

    def folded(leaf: Array) -> Array:
        split = leaf.reshape(*shape[:axis], -1, length, *shape[axis + 1 :])
        columns = of(_wide(split)).sum(axis + 1)
        return jax.lax.optimization_barrier(columns).sum()  # else both sums become one

    if leaf.size < LARGE:
        return added(leaf)
    shape = leaf.shape
    length, axis = max((_divisor(n), i) for i, n in enumerate(shape[:-1] or shape))
    if length < SHORTEST:
        return added(leaf)
    return jax.lax.platform_dependent(leaf, cpu=folded, default=added)


def _wide(leaf: Array) -> Array:
    """Take what is shorter in float32; floats of 8 bits JAX promotes to nothing."""
    short = jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.dtype.itemsize < 4
    return leaf.astype(
        jnp.float32 if short else jnp.promote_types(leaf.dtype, jnp.float32)
    )


def _divisor(length: int) -> int:
    """Give the largest divisor of an axis that is summed in one kernel."""
    return max(d for d in range(1, LONGEST + 1) if length % d == 0)
