"""Gaussian classes and Bayes' rule (U4.5)."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.types import Array

_HIGH = jax.lax.Precision.HIGHEST


class GaussianClassifier(nn.Module):
    r"""A Gaussian for each class, and Bayes' rule.

    $\log p(x, k) = \log \pi_k + \log N(x; \mu_k, \Sigma_k)$: the softmax of these
    logits is p(k | x), and the sum of their exponentials the density of x. Features
    that are not observed are integrated out exactly.

    The parameters are `log_prior` [classes], up to a constant, `means`
    [classes, features] and the lower triangle W of the precision
    $\Sigma^{-1} = W^\top W$: the logarithm of its diagonal, `log_diagonal`
    [groups, features], and, unless diagonal, what is below it, row by row, `lower`
    [groups, features (features - 1) / 2]. No step can make a covariance that is none.
    `rules.gaussian_classes` solves for them; a gradient of the cross-entropy reaches
    them as well.

    Attributes:
        classes: their number, at least 2.
        shared: whether the classes have one covariance (linear discriminant analysis).
        diagonal: whether the features are independent within a class (naive Bayes).
        dtype: the type of the logits; None for float32, in which they are computed in
            any case.
        param_dtype: the type of the parameters.
        means_init: initialiser of the means.

    Raises:
        ValueError: for fewer than two classes.

    Reference:
        Hastie et al. (2009), The Elements of Statistical Learning, sections 4.3 and
        6.6.3, https://doi.org/10.1007/978-0-387-84858-7

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, inputs = GaussianClassifier(classes=3), jnp.ones((2, 4))
        >>> variables = net.init(jax.random.key(0), inputs)
        >>> print(net.apply(variables, inputs).shape)
        (2, 3)
        >>> observed = jnp.array([[True, True, False, True], [False] * 4])
        >>> nothing = net.apply(variables, inputs, observed)[1]
        >>> print(jnp.exp(nothing).round(3))
        [0.333 0.333 0.333]
    """

    classes: int = 3
    shared: bool = False
    diagonal: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    means_init: Initializer = nn.initializers.normal(1.0)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.classes < 2:
            raise ValueError(f'classes is {self.classes}, wanted at least 2')

    @nn.compact
    def __call__(
        self, inputs: Array, observed: Array | None = None, *, train: bool = False
    ) -> Array:
        """Compute the logits, log p(x, k) of what is observed.

        Args:
            inputs: [batch, ...] float; all but the batch axis is flattened. What is
                not observed may have any value, not a number included.
            observed: boolean of the shape of `inputs`, false where a feature is
                missing; None where none is.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if `observed` has another shape.
        """
        if observed is not None and observed.shape != inputs.shape:
            raise ValueError(
                f'observed has shape {observed.shape}, wanted {inputs.shape}, that of '
                'the inputs'
            )
        x = inputs.reshape(inputs.shape[0], -1).astype(jnp.float32)
        size, features = x.shape
        groups = 1 if self.shared else self.classes
        shape = (self.classes, features)
        log_prior = self._parameter('log_prior', (self.classes,))
        means = self._parameter('means', shape, self.means_init)
        logs = self._parameter('log_diagonal', (groups, features))
        gaps, count = x[:, None] - means[None], features
        volume = logs.sum(axis=1)[None]
        if observed is not None:
            seen = observed.reshape(size, features).astype(bool)
            gaps = jnp.where(seen[:, None], gaps, 0.0)
            count = seen.sum(axis=1)[:, None]
        if self.diagonal:
            turned = jnp.exp(logs)[None] * gaps
            if observed is not None:
                volume = jnp.where(seen[:, None], logs[None], 0.0).sum(axis=2)
        else:
            below = self._parameter('lower', (groups, features * (features - 1) // 2))
            factor = jax.vmap(_triangle)(below, logs)
            gaps = gaps.reshape(size, groups, -1, features)
            if observed is None:
                turned = jnp.matmul(
                    gaps, jnp.swapaxes(factor, 1, 2)[None], precision=_HIGH
                )
            else:
                # One example after the other, for each has matrices of its own.
                each = jax.vmap(_integrate, (0, 0, None))  # over the groups
                turned, lost = jax.lax.map(lambda x: each(factor, *x), (gaps, seen))
                volume = volume - lost
            turned = turned.reshape(size, *shape)
        log_density = (
            volume
            - 0.5 * jnp.square(turned).sum(axis=2)
            - 0.5 * math.log(2 * math.pi) * count
        )
        logits = jax.nn.log_softmax(log_prior)[None] + log_density
        return logits.astype(self.dtype or jnp.float32)

    def _parameter(
        self,
        name: str,
        shape: tuple[int, ...],
        initialise: Initializer = nn.initializers.zeros,
    ) -> Array:
        """Declare a parameter and take it in float32."""
        return self.param(name, initialise, shape, self.param_dtype).astype(jnp.float32)


def _triangle(below: Array, log_diagonal: Array) -> Array:
    """Lay out W: [features, features]."""
    features = len(log_diagonal)
    rows = jnp.tril_indices(features, -1)
    return jnp.diag(jnp.exp(log_diagonal)).at[rows].set(below)


def _integrate(factor: Array, gaps: Array, seen: Array) -> tuple[Array, Array]:
    """Integrate the hidden features of one example out of one Gaussian.

    ‖W d‖² is least, over what d may be in the hidden features h, where its rest is
    orthogonal to the columns W_h, and the integral over them has the determinant of
    W_hᵀW_h. Rows and columns of ones stand for the features that are seen.

    Args:
        factor: [features, features] W.
        gaps: [classes, features] from the means, 0 in the hidden features.
        seen: [features] booleans.

    Returns:
        That rest, [classes, features], and half the logarithm of that determinant.
    """
    hidden = jnp.where(seen[None, :], 0.0, factor)
    inner = jnp.matmul(hidden.T, hidden, precision=_HIGH) + jnp.diag(
        seen.astype(jnp.float32)
    )
    inverse, lost = _inverse(inner)
    turned = jnp.matmul(factor, gaps.T, precision=_HIGH)
    pull = jnp.matmul(hidden.T, turned, precision=_HIGH)
    best = jnp.matmul(inverse, pull, precision=_HIGH)
    rest = turned - jnp.matmul(hidden, best, precision=_HIGH)
    return rest.T, lost


@jax.custom_jvp
def _inverse(matrix: Array) -> tuple[Array, Array]:
    """Invert a positive definite matrix, one after the other where they are mapped.

    Two mapped decompositions, or triangular systems, at once can wait for each other
    for ever in the thread pool of a CPU.

    Returns:
        The inverse, and half the logarithm of the determinant.
    """

    @jax.custom_batching.sequential_vmap
    def invert(matrix: Array) -> tuple[Array, Array]:
        root = jnp.linalg.cholesky(matrix)
        eye = jnp.eye(len(root), dtype=root.dtype)
        half = jax.scipy.linalg.solve_triangular(root, eye, lower=True)
        return (
            jnp.matmul(half.T, half, precision=_HIGH),
            jnp.log(jnp.diag(root)).sum(),
        )

    return invert(matrix)


@_inverse.defjvp
def _inverse_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    """Differentiate: (A⁻¹)' = -A⁻¹ A' A⁻¹ and (log det A)' = tr(A⁻¹ A')."""
    inverse, half_log = _inverse(*primals)
    turned = jnp.matmul(inverse, tangents[0], precision=_HIGH)
    change = -jnp.matmul(turned, inverse, precision=_HIGH)
    return (inverse, half_log), (change, 0.5 * jnp.trace(turned))
