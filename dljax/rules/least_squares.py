"""Linear layers solved at once instead of descended to."""

import jax
import jax.numpy as jnp

from dljax.types import Array

Layer = dict[str, Array]


def least_squares_solution(
    inputs: Array, targets: Array, *, ridge: float = 0.0
) -> Layer:
    """Solve a linear layer with a bias for the least squared error.

    min over W, b of Σ ‖x W + b - t‖² + ridge ‖W‖², by the singular values of the
    inputs, which is stable where the normal equations are not. The bias is not shrunk.
    Without a ridge and with fewer examples than features it is the shortest W.

    Args:
        inputs: [examples, features] x.
        targets: [examples, outputs] t.
        ridge: at least 0.

    Returns:
        `kernel` [features, outputs] and `bias` [outputs], float32.

    Raises:
        ValueError: if the shapes do not belong together or the ridge is negative.

    Reference:
        Hoerl and Kennard, 1970, Ridge Regression, https://doi.org/10.2307/1267351

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.array([[0.], [1.], [2.]])
        >>> solution = least_squares_solution(x, 3 * x + 1)
        >>> print(f"{solution['kernel'].item():.3f} {solution['bias'].item():.3f}")
        3.000 1.000
    """
    if inputs.ndim != 2 or targets.ndim != 2 or len(inputs) != len(targets):
        raise ValueError(
            f'inputs and targets have shapes {inputs.shape} and {targets.shape}, '
            'wanted [examples, features] and [examples, outputs]: add the missing '
            'axis, for instance targets[:, None]'
        )
    if ridge < 0:
        raise ValueError(f'ridge is {ridge}, wanted at least 0')
    inputs, targets = inputs.astype(jnp.float32), targets.astype(jnp.float32)
    # The best bias leads through the means, so that centred data need none.
    x_mean, t_mean = inputs.mean(axis=0), targets.mean(axis=0)
    x, t = inputs - x_mean[None, :], targets - t_mean[None, :]
    u, s, vt = decomposed(x)
    if ridge:
        # It bounds the gains itself, and a small one has its say below the rounding of
        # the largest value, as the many faint directions of a reservoir need it.
        gains = s / (s * s + ridge)
    else:
        noise = jnp.finfo(jnp.float32).eps * max(x.shape) * s[0]
        gains = jnp.where(s > noise, 1.0 / jnp.where(s > noise, s, 1.0), 0.0)
    kernel = _product(vt.T, gains[:, None] * _product(u.T, t))
    return {'kernel': kernel, 'bias': t_mean - _product(x_mean, kernel)}


def least_squares(
    layer: Layer, inputs: Array, targets: Array, *, ridge: float = 0.0
) -> Layer:
    """Direction from the least-squares solution to the layer as it is, w - solution.

    `optax.sgd(1.)` arrives in one move; a smaller rate averages over batches.

    Args:
        layer: `kernel` [features, outputs] and `bias` [outputs].
        inputs: [examples, features].
        targets: [examples, outputs].
        ridge: at least 0, see `least_squares_solution`.

    Returns:
        A direction for each parameter.

    Raises:
        ValueError: if the shapes do not belong together or the ridge is negative.

    Example:
        >>> import jax.numpy as jnp
        >>> layer = {'kernel': jnp.zeros((1, 1)), 'bias': jnp.zeros(1)}
        >>> x = jnp.array([[0.], [1.], [2.]])
        >>> print(f"{least_squares(layer, x, 3 * x + 1)['kernel'].item():.3f}")
        -3.000
    """
    solution = least_squares_solution(inputs, targets, ridge=ridge)
    return jax.tree.map(jnp.subtract, dict(layer), solution)


@jax.custom_batching.sequential_vmap
def decomposed(matrix: Array) -> tuple[Array, Array, Array]:
    """Decompose one matrix after the other where they are mapped.

    Two mapped decompositions at once can wait for each other for ever in the thread
    pool of a CPU.
    """
    u, s, vt = jnp.linalg.svd(matrix, full_matrices=False)
    return u, s, vt


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
