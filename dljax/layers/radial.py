"""Gaussian radial basis units."""

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.types import Array


class RadialBasis(nn.Module):
    """Units that are active in the neighbourhood of a centre.

    φ_j(x) = exp(-‖x - c_j‖² / (2 σ_j²)). The parameters are `centres`
    [units, features], which `rules.kmeans` can train, and `log_width` [units], log σ,
    so that no step makes a width negative.

    Attributes:
        units: the number of centres, at least 1.
        dtype: the type of the result; None for that of the inputs. Distances are
            always computed in float32, since they cancel.
        param_dtype: the type of the parameters.
        centres_init: initialiser of the centres.
        log_width_init: initialiser of the logarithms of the widths.

    Raises:
        ValueError: for fewer than one unit.

    Reference:
        Broomhead, Lowe (1988), Multivariable Functional Interpolation and Adaptive
        Networks, https://www.complex-systems.com/abstracts/v02_i03_a05/

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, x = RadialBasis(units=2), jnp.array([[0., 0.], [3., 4.]])
        >>> params = {'centres': x, 'log_width': jnp.log(jnp.array([5., 5.]))}
        >>> print(layer.apply({'params': params}, x).round(2))
        [[1.   0.61]
         [0.61 1.  ]]
    """

    units: int
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    centres_init: Initializer = nn.initializers.normal(1.0)
    log_width_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.units < 1:
            raise ValueError(f'units is {self.units}, wanted at least 1')

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Compute the units' activations.

        Args:
            inputs: [batch, features] float, of about the scale of the widths:
                normalise them first.

        Returns:
            [batch, units] in (0, 1].
        """
        shape = (self.units, inputs.shape[-1])
        centres = self.param('centres', self.centres_init, shape, self.param_dtype)
        log_width = self.param(
            'log_width', self.log_width_init, (self.units,), self.param_dtype
        )
        distances = squared_distances(inputs, centres)
        precision = jnp.exp(-2.0 * log_width.astype(jnp.float32))
        activations = jnp.exp(-0.5 * distances * precision[None, :])
        return activations.astype(self.dtype or inputs.dtype)


def squared_distances(points: Array, centres: Array) -> Array:
    """Squared Euclidean distance of each point from each centre, in float32.

    ‖x‖² - 2 x·c + ‖c‖² takes one matrix product and no [points, centres, features]
    array; in a shorter type than float32 the difference would be mostly rounding. Both
    are taken from the first centre on, since far from 0 the squares would drown what
    they differ by.

    Args:
        points: [points, features].
        centres: [centres, features].

    Returns:
        [points, centres] float32, at least 0.

    Example:
        >>> import jax.numpy as jnp
        >>> print(squared_distances(jnp.array([[3., 4.]]), jnp.zeros((1, 2))))
        [[25.]]
    """
    chex.assert_rank([points, centres], 2)
    chex.assert_equal_shape_suffix([points, centres], 1)
    points, centres = points.astype(jnp.float32), centres.astype(jnp.float32)
    # No distance feels the shift, so that no derivative goes through it.
    first = jax.lax.stop_gradient(centres[:1])
    points, centres = points - first, centres - first
    product = jnp.matmul(points, centres.T, precision=jax.lax.Precision.HIGHEST)
    squares = jnp.square(points).sum(axis=1)[:, None]
    return jnp.maximum(
        squares + jnp.square(centres).sum(axis=1)[None, :] - 2.0 * product, 0.0
    )
