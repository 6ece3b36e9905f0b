"""Penalties on codes: that few units act, that the code does not move with the input.

What an autoencoder adds to its reconstruction error so that a code as wide as the
input does not simply hand it through.
"""

import jax.numpy as jnp

from dljax.losses.meaning import in_unit_interval
from dljax.losses.reduction import per_example
from dljax.types import Array

_FLOOR = 1e-6  # of a mean activation, so that a unit that is never active costs a bound


def activation_divergence(code: Array, target: float = 0.05) -> Array:
    """How far each unit's mean activation is from a small target, KL(ρ ‖ ρ̂_j).

    ρ log(ρ / ρ̂_j) + (1 - ρ) log((1 - ρ) / (1 - ρ̂_j)), with ρ̂_j the mean of unit j over
    the batch: a matter of the batch, not of an example.

    Args:
        code: [batch, units] in [0, 1], as logistic units give it; a unit that leaves
            that range gives NaN.
        target: ρ, in (0, 1).

    Returns:
        [units] float32 in nats, at least 0.

    Raises:
        ValueError: for a target out of range or a code of another rank.

    Reference:
        Ng (2011), Sparse Autoencoder, CS294A lecture notes,
        https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf

    Example:
        >>> import jax.numpy as jnp
        >>> code = jnp.array([[0.05, 1.0], [0.05, 0.0]])
        >>> print(activation_divergence(code).round(4))
        [0.     0.4946]
    """
    if not 0 < target < 1:
        raise ValueError(f'target is {target}, wanted a mean activation in (0, 1)')
    if code.ndim != 2:
        raise ValueError(f'code has shape {code.shape}, wanted [batch, units]')
    code = code.astype(jnp.float32)
    mean = jnp.where(in_unit_interval(code), code, jnp.nan).mean(axis=0)
    mean = jnp.clip(mean, _FLOOR, 1 - _FLOOR)
    off = (1 - target) * jnp.log((1 - target) / (1 - mean))
    return target * jnp.log(target / mean) + off


def absolute_activation(code: Array) -> Array:
    """Sum of the absolute values of each code, Σ_j |z_j|.

    Its derivative, unlike that of the squares, is as large near 0 as anywhere, so that
    small values go to 0.

    Args:
        code: [batch, ...].

    Returns:
        [batch] float32, at least 0.

    Reference:
        Olshausen, Field (1996), Emergence of Simple-Cell Receptive Field Properties by
        Learning a Sparse Code for Natural Images, https://doi.org/10.1038/381607a0

    Example:
        >>> import jax.numpy as jnp
        >>> print(absolute_activation(jnp.array([[1., -2.]])))
        [3.]
    """
    return per_example(jnp.abs(code))


def contraction(jacobian: Array) -> Array:
    """Squared Frobenius norm of the code's derivative by the input, Σ (∂z_j / ∂x_i)².

    Args:
        jacobian: [batch, ...], ∂z_j / ∂x_i for each example.

    Returns:
        [batch] float32, at least 0.

    Reference:
        Rifai et al. (2011), Contractive Auto-Encoders: Explicit Invariance During
        Feature Extraction, https://icml.cc/2011/papers/455_icmlpaper.pdf

    Example:
        >>> import jax.numpy as jnp
        >>> print(contraction(jnp.array([[[3., 0.], [0., 4.]]])))
        [25.]
    """
    return per_example(jnp.square(jacobian.astype(jnp.float32)))
