"""The Fréchet distance of two sets of samples by their features (FID), in float64."""

import numpy as np

from dljax.metrics.features import Features, check_pair


def frechet_distance(real: Features, made: Features) -> float:
    """Compare two sets by the Gaussians of their features: FID, where these are deep.

    See `frechet_distance_of_moments`. The estimate is biased: too large, and the more
    so, the fewer the samples. Compare only distances of equal sample sizes.

    Args:
        real: [examples, features], two examples or more.
        made: [other examples, features].

    Returns:
        At least 0, in squared units of the features.

    Raises:
        ValueError: for other shapes, fewer than two examples, or numbers that are not
            finite.

    Reference:
        Heusel et al. (2017), GANs Trained by a Two Time-Scale Update Rule Converge to a
        Local Nash Equilibrium, https://arxiv.org/abs/1706.08500

    Example:
        >>> import jax.numpy as jnp
        >>> real = jnp.array([[0.], [2.]])
        >>> frechet_distance(real, real + 3.)
        9.0
    """
    real, made = check_pair(real, made)
    return frechet_distance_of_moments(
        real.mean(axis=0),
        np.atleast_2d(np.cov(real, rowvar=False)),
        made.mean(axis=0),
        np.atleast_2d(np.cov(made, rowvar=False)),
    )


def frechet_distance_of_moments(
    mean: Features, covariance: Features, other_mean: Features, other: Features
) -> float:
    r"""Squared Fréchet (2-Wasserstein) distance of two Gaussians.

    $\|\mu - \nu\|^2 + \mathrm{tr}(A + B - 2 (A B)^{1/2})$. The last trace is that of
    the singular values of $A^{1/2} B^{1/2}$, and so neither leaves the real numbers nor
    needs a covariance of full rank.

    Args:
        mean: [features] μ.
        covariance: [features, features] A, symmetric and not negative.
        other_mean: [features] ν.
        other: [features, features] B.

    Returns:
        At least 0, in squared units of the features.

    Raises:
        ValueError: for shapes that do not belong together, or numbers that are not
            finite.

    Reference:
        Dowson, Landau (1982), The Fréchet Distance between Multivariate Normal
        Distributions, https://doi.org/10.1016/0047-259X(82)90077-X

    Example:
        >>> import numpy as np
        >>> zero, one = np.zeros(2), np.eye(2)
        >>> frechet_distance_of_moments(zero, one, zero, 4 * one)
        2.0
    """
    moments = [np.asarray(m, np.float64) for m in (mean, covariance, other_mean, other)]
    size = moments[0].shape
    wanted = [size, 2 * size, size, 2 * size]
    if len(size) != 1 or [m.shape for m in moments] != wanted:
        raise ValueError(
            f'the moments have shapes {[m.shape for m in moments]}, wanted [features], '
            '[features, features] and the same again'
        )
    if not all(np.isfinite(m).all() for m in moments):
        raise ValueError('the moments are not all finite, wanted finite numbers')
    a, b = _root(moments[1]), _root(moments[3])
    shared = np.linalg.svd(a @ b, compute_uv=False).sum()
    apart = np.square(moments[0] - moments[2]).sum()
    return max(float(apart + np.square(a).sum() + np.square(b).sum() - 2 * shared), 0.0)


def _root(covariance: np.ndarray) -> np.ndarray:
    """Take the symmetric root; what rounding makes of a zero eigenvalue is zero."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    noise = len(values) * np.finfo(np.float64).eps * np.abs(values).max()
    values = np.where(values > noise, values, 0.0)
    return (vectors * np.sqrt(values)[None, :]) @ vectors.T
