"""Principal components, solved for at once."""

from typing import NamedTuple

import jax.numpy as jnp

from dljax.rules.least_squares import decompose
from dljax.rules.wide import in_float64
from dljax.types import Array


class Components(NamedTuple):
    """Principal components of a set.

    Attributes:
        mean: [features] of the set.
        vectors: [features, components], orthonormal columns, the widest first.
        variances: [components] of the set along each, over n - 1.
    """

    mean: Array
    vectors: Array
    variances: Array


def principal_components(inputs: Array, components: int) -> Components:
    """Find the directions along which a set varies most, by its singular values.

    Of all projections onto so many dimensions x̂ = μ + V Vᵀ(x - μ) has the least squared
    error. The largest entry of each vector is positive. All is computed in float64.

    Args:
        inputs: [examples, features], at least two examples.
        components: in [1, min(examples, features)].

    Returns:
        The components, float32.

    Raises:
        ValueError: for inputs of another rank, or a number of components out of range.

    Reference:
        Pearson (1901), On Lines and Planes of Closest Fit to Systems of Points in
        Space, https://doi.org/10.1080/14786440109462720

    Example:
        >>> import jax.numpy as jnp
        >>> found = principal_components(jnp.array([[0., 1.], [6., 1.], [3., 1.]]), 1)
        >>> print(found.mean, found.vectors.ravel(), found.variances.round(3))
        [3. 1.] [1. 0.] [9.]
    """
    if inputs.ndim != 2 or len(inputs) < 2:
        raise ValueError(
            f'inputs have shape {inputs.shape}, wanted [examples, features] with two '
            'examples or more: flatten them'
        )
    if not 1 <= components <= min(inputs.shape):
        raise ValueError(
            f'components is {components}, wanted 1 to {min(inputs.shape)} for inputs '
            f'of shape {inputs.shape}'
        )

    def solve(inputs: Array) -> Components:
        # The mean of numbers far from 0 is rounded by more than they vary in float32.
        inputs = inputs.astype(jnp.float64)
        mean = inputs.mean(axis=0)
        _, values, rows = decompose(inputs - mean[None, :])
        variances = jnp.square(values[:components]) / (len(inputs) - 1)
        return Components(mean, rows[:components].T, variances)

    mean, vectors, variances = in_float64(solve)(inputs)
    largest = jnp.abs(vectors).argmax(axis=0)
    signs = jnp.sign(jnp.take_along_axis(vectors, largest[None, :], axis=0))
    return Components(mean, vectors * signs, variances)
