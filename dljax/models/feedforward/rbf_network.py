"""Radial basis function network (U1.11)."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.radial import RadialBasis
from dljax.types import Array


class RBFNetwork(nn.Module):
    """Gaussian units and a linear output.

    Its two groups of parameters may be learned in two ways: `radial` (`centres`
    [units, features] and `log_width` [units]) by `rules.kmeans` or by gradient,
    `output` (`kernel`, `bias`) by `rules.least_squares` or by gradient.

    Attributes:
        units: the number of centres, at least 1.
        outputs: the number of logits or real outputs, at least 1.
        dtype: the type of the computation; None takes that of inputs and parameters.
            Distances are computed in float32 in any case.
        param_dtype: the type of the parameters.
        centres_init: initialiser of the centres, for normalised inputs.
        log_width_init: initialiser of the logarithms of the widths.
        kernel_init: initialiser of the output's weights.

    Raises:
        ValueError: for fewer than one unit or output.

    Reference:
        Moody, Darken (1989), Fast Learning in Networks of Locally-Tuned Processing
        Units, https://doi.org/10.1162/neco.1989.1.2.281

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, inputs = RBFNetwork(units=5, outputs=3), jnp.ones((2, 4))
        >>> variables = net.init(jax.random.key(0), inputs)
        >>> print(net.apply(variables, inputs).shape)
        (2, 3)
    """

    units: int = 10
    outputs: int = 3
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    centres_init: Initializer = nn.initializers.normal(1.0)
    log_width_init: Initializer = nn.initializers.zeros
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.units < 1 or self.outputs < 1:
            raise ValueError(
                f'units is {self.units} and outputs is {self.outputs}, wanted both to '
                'be at least 1'
            )

    def setup(self) -> None:
        """Make the two layers."""
        self.radial = RadialBasis(
            self.units,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            centres_init=self.centres_init,
            log_width_init=self.log_width_init,
        )
        self.output = nn.Dense(
            self.outputs,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=self.kernel_init,
        )

    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            inputs: [batch, ...] float, normalised; all but the batch axis is flattened.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, outputs] logits.
        """
        return self.output(self.hidden(inputs))

    def hidden(self, inputs: Array) -> Array:
        """Compute the Gaussian units' activations, for a rule that solves the output.

        Args:
            inputs: [batch, ...] float, normalised; all but the batch axis is flattened.

        Returns:
            [batch, units] in (0, 1].
        """
        return self.radial(inputs.reshape(inputs.shape[0], -1))
