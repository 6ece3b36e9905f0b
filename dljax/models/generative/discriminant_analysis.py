"""Three forms of Gaussian classes: discriminant analysis and naive Bayes (U4.5)."""

import jax.numpy as jnp
from jax.typing import DTypeLike

from dljax.models.generative.gaussian_classifier import GaussianClassifier


def linear_discriminant_analysis(
    classes: int = 3,
    *,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> GaussianClassifier:
    """Make Gaussian classes of one covariance: the borders between them are planes.

    Args:
        classes: their number, at least 2.
        dtype: the type of the logits; None for float32.
        param_dtype: the type of the parameters.

    Returns:
        A `GaussianClassifier`.

    Raises:
        ValueError: for fewer than two classes.

    Reference:
        Fisher (1936), The Use of Multiple Measurements in Taxonomic Problems,
        https://doi.org/10.1111/j.1469-1809.1936.tb02137.x

    Example:
        >>> linear_discriminant_analysis().shared
        True
    """
    return GaussianClassifier(
        classes, shared=True, dtype=dtype, param_dtype=param_dtype
    )


def quadratic_discriminant_analysis(
    classes: int = 3,
    *,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> GaussianClassifier:
    """Make Gaussian classes, each with a covariance of its own.

    Args:
        classes: their number, at least 2.
        dtype: the type of the logits; None for float32.
        param_dtype: the type of the parameters.

    Returns:
        A `GaussianClassifier`.

    Raises:
        ValueError: for fewer than two classes.

    Reference:
        Friedman (1989), Regularized Discriminant Analysis,
        https://doi.org/10.1080/01621459.1989.10478752

    Example:
        >>> net = quadratic_discriminant_analysis()
        >>> net.shared, net.diagonal
        (False, False)
    """
    return GaussianClassifier(classes, dtype=dtype, param_dtype=param_dtype)


def gaussian_naive_bayes(
    classes: int = 3,
    *,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> GaussianClassifier:
    """Make Gaussian classes in which the features are independent.

    Args:
        classes: their number, at least 2.
        dtype: the type of the logits; None for float32.
        param_dtype: the type of the parameters.

    Returns:
        A `GaussianClassifier`.

    Raises:
        ValueError: for fewer than two classes.

    Reference:
        Ng, Jordan (2001), On Discriminative vs. Generative Classifiers: A Comparison of
        Logistic Regression and Naive Bayes,
        https://papers.nips.cc/paper/2001/hash/7b7a53e239400a13bd6be6c91c4f6c4e-Abstract.html

    Example:
        >>> gaussian_naive_bayes().diagonal
        True
    """
    return GaussianClassifier(
        classes, diagonal=True, dtype=dtype, param_dtype=param_dtype
    )
