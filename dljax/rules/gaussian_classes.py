"""Gaussian classes solved at once: discriminant analysis and naive Bayes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dljax.rules.wide import cholesky, in_float64
from dljax.types import Array

Solution = dict[str, Array]


def gaussian_classes(
    inputs: Array,
    labels: Array,
    *,
    classes: int,
    shared: bool = False,
    diagonal: bool = False,
    shrinkage: float = 0.0,
    floor: float | None = None,
) -> Solution:
    r"""Fit a Gaussian to each class by maximum likelihood (U4.5).

    $\pi_k = n_k / n$, $\mu_k$ the mean of class k and $\Sigma_k$ its covariance,
    divided by $n_k$; where it is shared, their mean weighted by $\pi_k$. Then
    $\Sigma \leftarrow (1 - s) \Sigma + s \, \mathrm{tr}(\Sigma) / p \, I$ with the
    shrinkage s, and a floor is added to the variance of each feature: a fraction of
    that feature's variance over all examples, so that units do not matter, or of the
    largest one of a feature where they are independent. Shrinkage is that of
    scikit-learn's `LinearDiscriminantAnalysis(solver='lsqr')` and
    `QuadraticDiscriminantAnalysis (solver='eigen')`, the floor of independent features
    the `var_smoothing` of its `GaussianNB`. All is computed in float64 and rounded at
    the end.

    The covariance is returned as the lower triangle W with $\Sigma^{-1} = W^\top W$,
    so that a density needs neither an inverse nor a determinant. A class without
    examples gets a prior of $10^{-30} / n$, a mean of 0 and the floor alone.

    Args:
        inputs: [examples, features].
        labels: [examples] integers in [0, classes).
        classes: their number.
        shared: whether the classes have one covariance, which makes the border between
            two of them a plane.
        diagonal: whether the features are independent within a class.
        shrinkage: s in [0, 1].
        floor: at least 0; by default 1e-9, as in `GaussianNB`, where the features are
            independent, and else 1e-12, which regular covariances do not feel. With 0 a
            feature that is constant in a class, or fewer examples than features, makes
            values that are not finite.

    Returns:
        float32: `log_prior` [classes], `means` [classes, features], `log_diagonal`
        [groups, features], the logarithm of the diagonal of W, and, unless diagonal,
        `lower` [groups, features (features - 1) / 2], what is below it, row by row.
        There is one group where the covariance is shared, else one a class.

    Raises:
        ValueError: if the shapes do not belong together or a number is out of range,
            and, where it is not traced, for a singular covariance without a floor.

    Reference:
        Friedman (1989), Regularized Discriminant Analysis,
        https://doi.org/10.1080/01621459.1989.10478752

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.array([[0.], [2.], [5.], [5.5]])
        >>> fit = gaussian_classes(x, jnp.array([0, 0, 1, 1]), classes=2)
        >>> print(fit['means'][:, 0], jnp.exp(-fit['log_diagonal'])[:, 0].round(3))
        [1.   5.25] [1.   0.25]
    """
    if inputs.ndim != 2 or labels.shape != inputs.shape[:1]:
        raise ValueError(
            f'inputs and labels have shapes {inputs.shape} and {labels.shape}, wanted '
            '[examples, features] and [examples]: flatten the examples'
        )
    if not 0 <= shrinkage <= 1 or (floor or 0) < 0:
        raise ValueError(
            f'shrinkage is {shrinkage} and floor {floor}, wanted a shrinkage in [0, 1] '
            'and a floor of at least 0'
        )
    if floor is None:
        floor = 1e-9 if diagonal else 1e-12
    # Faint directions of correlated features are differences of large numbers.
    fit = functools.partial(
        _solution,
        classes=classes,
        shared=shared,
        diagonal=diagonal,
        shrinkage=shrinkage,
        floor=floor,
    )
    found = in_float64(fit)(inputs, labels)
    if not floor and not any(isinstance(v, Tracer) for v in found.values()):
        _refuse_singular(found)
    return found


def _refuse_singular(found: Solution) -> None:
    """Say which class has no covariance with an inverse, where values are known."""
    logs = found['log_diagonal']
    bad = [k for k, row in enumerate(logs) if not jnp.isfinite(row).all()]
    if bad:
        whose = f'class {bad[0]}' if len(logs) > 1 else 'all classes'
        raise ValueError(
            f'the covariance of {whose} is singular, wanted more examples than '
            'features, no feature that is constant or follows from others: give a '
            'floor above 0 or a shrinkage'
        )


def _solution(
    x: Array,
    labels: Array,
    *,
    classes: int,
    shared: bool,
    diagonal: bool,
    shrinkage: float,
    floor: float,
) -> Solution:
    x = x.astype(jnp.float64)  # integers too
    examples, features = x.shape
    member = jax.nn.one_hot(labels, classes, dtype=x.dtype)
    counts = member.sum(axis=0)
    fraction = member / jnp.maximum(counts, 1.0)[None, :]
    means = _product(fraction.T, x)
    solution = {
        'log_prior': jnp.log(jnp.maximum(counts, 1e-30) / examples),
        'means': means,
    }
    centred = x - means[labels]
    if shared:
        fraction = jnp.full((examples, 1), 1.0 / examples)
    spread = (x - x[:1]).var(axis=0)  # from an example on, it is 0 for a constant
    if diagonal:
        variances = _product(fraction.T, jnp.square(centred))
        even = variances.mean(axis=1, keepdims=True)
        variances = (1 - shrinkage) * variances + shrinkage * even
        variances = variances + floor * spread.max()
        return {**solution, 'log_diagonal': -0.5 * jnp.log(variances)}
    covariance = jnp.einsum(
        'nk,ni,nj->kij', fraction, centred, centred, precision=jax.lax.Precision.HIGHEST
    )
    even = jnp.trace(covariance, axis1=1, axis2=2) / features
    least = floor * jnp.where(spread > 0, spread, 1.0)
    added = shrinkage * even[:, None] + least[None, :]
    covariance = (1 - shrinkage) * covariance + added[:, None] * jnp.eye(features)[None]
    factor = _inverse_factors(covariance)
    return {
        **solution,
        'log_diagonal': jnp.log(jnp.diagonal(factor, axis1=1, axis2=2)),
        'lower': factor[:, *np.tril_indices(features, -1)],
    }


def _inverse_factors(covariances: Array) -> Array:
    """Compute the lower triangle W with Σ⁻¹ = WᵀW, the inverse of the Cholesky factor.

    One matrix after the other: two mapped decompositions, or triangular systems, at
    once can wait for each other for ever in the thread pool of a CPU.
    """

    def invert(covariance: Array) -> Array:
        factor = cholesky(covariance)
        eye = jnp.eye(len(factor), dtype=factor.dtype)
        return jax.scipy.linalg.solve_triangular(factor, eye, lower=True)

    return jax.lax.map(invert, covariances)


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
