"""Linear layers solved at once instead of descended to."""

import functools
from typing import cast

import jax
import jax.numpy as jnp

from dljax.rules.wide import in_float64
from dljax.types import Array

Layer = dict[str, Array]


def least_squares_solution(
    inputs: Array, targets: Array, *, ridge: float = 0.0
) -> Layer:
    """Solve a linear layer with a bias for the least squared error.

    min over W, b of Σ ‖x W + b - t‖² + ridge ‖W‖², by the singular values of the
    inputs in float64, which is stable where the normal equations are not; only the
    solution is rounded to float32. (On a TPU the singular values are float32, and a
    ridge below (1e-7 s)² of the largest has no say.) The bias is not
    shrunk. Without a ridge and with fewer examples than features it is the shortest W.

    Args:
        inputs: [examples, features] x.
        targets: [examples, outputs] t.
        ridge: at least 0.

    Returns:
        `kernel` [features, outputs] and `bias` [outputs], float32.

    Raises:
        ValueError: if the shapes do not belong together or the ridge is negative.

    Reference:
        Hoerl, Kennard (1970), Ridge Regression: Biased Estimation for Nonorthogonal
        Problems, https://doi.org/10.2307/1267351

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
    # What has derivatives of its own gives anything, by its stub.
    kernel, bias = cast(tuple[Array, Array], _solved(inputs, targets, ridge))
    return {'kernel': kernel, 'bias': bias}


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _solved(inputs: Array, targets: Array, ridge: float) -> tuple[Array, Array]:
    """Solve in float64.

    Faint directions of the inputs, which a small ridge lets have their say, drown in
    the rounding of the strong ones in float32.
    """

    def solve(inputs: Array, targets: Array) -> tuple[Array, Array]:
        x, t = inputs.astype(jnp.float64), targets.astype(jnp.float64)
        x, t, x_mean, t_mean = _centred(x, t)
        u, s, vt = decompose(x)
        kernel = _product(vt.T, _gains(s, x.shape, ridge)[:, None] * _product(u.T, t))
        return kernel, t_mean - _product(x_mean, kernel)

    return in_float64(solve)(inputs, targets)


def _forward(inputs: Array, targets: Array, ridge: float) -> tuple[tuple, tuple]:
    return _solved(inputs, targets, ridge), (inputs, targets)


def _backward(ridge: float, given: tuple, cotangents: tuple) -> tuple[Array, Array]:
    """Differentiate the solution (XᵀX + ridge)⁻¹ Xᵀ T, or the pseudo-inverse.

    With P = (XᵀX + ridge)⁻¹ G for a cotangent G of the solution W that of T is X P and
    that of X is (T - X W) Pᵀ - X P Wᵀ. What of G lies outside the rows of X is kept
    apart, since there is no value to divide it by.
    """

    def pull(
        inputs: Array, targets: Array, cotangent: Array, shift: Array
    ) -> tuple[Array, Array]:
        x, t = inputs.astype(jnp.float64), targets.astype(jnp.float64)
        x, t, x_mean, _ = _centred(x, t)
        u, s, vt = decompose(x)
        gains = _gains(s, x.shape, ridge)
        kernel = _product(vt.T, gains[:, None] * _product(u.T, t))
        left = t - _product(x, kernel)
        cotangent = cotangent - x_mean[:, None] * shift[None, :]
        rows = _product(vt, cotangent)
        rows = rows if ridge else jnp.where(gains[:, None] > 0, rows, 0.0)
        outside = cotangent - _product(vt.T, rows)
        squares = 1.0 / (s * s + ridge) if ridge else gains**2
        inner = _product(vt.T, squares[:, None] * rows)
        in_t = _product(u, gains[:, None] * rows)
        dual = (
            left / ridge
            if ridge
            else _product(u, gains[:, None] * _product(vt, kernel))
        )
        in_x = _product(left, inner.T) - _product(in_t, kernel.T)
        in_x = in_x + _product(dual, outside.T)
        mean = in_x.mean(axis=0) + _product(kernel, shift) / len(left)
        in_t = in_t - (in_t.mean(axis=0) - shift / len(left))[None, :]
        return in_x - mean[None, :], in_t

    found = in_float64(pull)(*given, *cotangents)
    return tuple(f.astype(g.dtype) for f, g in zip(found, given, strict=True))


_solved.defvjp(_forward, _backward)


def _centred(x: Array, t: Array) -> tuple[Array, Array, Array, Array]:
    """Subtract the means: the best bias leads through them, so that no other is due."""
    x_mean, t_mean = x.mean(axis=0), t.mean(axis=0)
    return x - x_mean[None, :], t - t_mean[None, :], x_mean, t_mean


def _gains(s: Array, shape: tuple[int, ...], ridge: float) -> Array:
    if ridge:
        return s / (s * s + ridge)
    # As small as what the rounding of inputs to float32 makes of nothing.
    noise = jnp.finfo(jnp.float32).eps * max(shape) * s[0]
    return jnp.where(s > noise, 1.0 / jnp.where(s > noise, s, 1.0), 0.0)


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


def decompose(matrix: Array) -> tuple[Array, Array, Array]:
    """Decompose by singular values; a TPU, which has no float64, in float32.

    Args:
        matrix: [rows, columns].

    Returns:
        U [rows, n], the singular values [n] in falling order and Vᵀ [n, columns], with
        n the smaller of the two sizes.
    """

    def decompose(matrix: Array) -> tuple[Array, Array, Array]:
        u, s, vt = jnp.linalg.svd(matrix, full_matrices=False)
        return u, s, vt

    def narrow(matrix: Array) -> tuple[Array, Array, Array]:
        u, s, vt = decompose(matrix.astype(jnp.float32))
        return u.astype(matrix.dtype), s.astype(matrix.dtype), vt.astype(matrix.dtype)

    return jax.lax.platform_dependent(matrix, tpu=narrow, default=decompose)


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
