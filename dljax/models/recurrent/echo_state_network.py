"""Echo state network (U3.7)."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.activations import Activation
from dljax.layers.reservoir import Reservoir
from dljax.types import Array


class EchoStateNetwork(nn.Module):
    """A fixed reservoir and a linear readout, the only part that learns.

    y_t = W_out [x_t; u_t] + b, with the states x_t of a `Reservoir` that hears the
    inputs u_t. The reservoir stands in the collection 'reservoir'; the parameters are
    the group `output` (`kernel`, `bias`), which `objectives.solve_readout` solves by
    ridge regression in one move.

    A net that predicts its next input runs freely by `generate`, where each prediction
    is the next input. That is the output feedback of the paper, and learning from the
    true inputs is its teacher forcing, so no further feedback is needed.

    Attributes:
        features: the number of units, at least 1.
        outputs: the number of outputs in each step, at least 1.
        spectral_radius: see `Reservoir`, as the next five.
        density: the fraction of the recurrent weights that is not 0, in (0, 1].
        leak: in (0, 1].
        input_scale: largest absolute input weight.
        bias_scale: largest absolute bias.
        activation: of the units.
        dtype: the type of the computation; None takes that of inputs and weights.
        param_dtype: the type of the weights.
        kernel_init: initialiser of the readout's weights.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Jaeger, Haas (2004), Harnessing Nonlinearity: Predicting Chaotic Systems and
        Saving Energy in Wireless Communication, https://doi.org/10.1126/science.1091277

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, inputs = EchoStateNetwork(features=20), jnp.ones((2, 5, 1))
        >>> variables = net.init(jax.random.key(0), inputs)
        >>> print(net.apply(variables, inputs).shape)
        (2, 5, 1)
        >>> print(net.apply(variables, inputs, 7, method='generate').shape)
        (2, 7, 1)
    """

    features: int = 400
    outputs: int = 1
    spectral_radius: float = 0.9
    density: float = 0.1
    leak: float = 1.0
    input_scale: float = 0.5
    bias_scale: float = 0.2
    activation: Activation = jnp.tanh
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.outputs < 1:
            raise ValueError(f'outputs is {self.outputs}, wanted at least 1')
        self._layer(parent=None)  # which checks the others

    def setup(self) -> None:
        """Make the two layers."""
        self.reservoir = self._layer()
        self.output = nn.Dense(
            self.outputs,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=self.kernel_init,
        )

    @nn.nowrap
    def _layer(self, **settings: Any) -> Reservoir:
        return Reservoir(
            self.features,
            spectral_radius=self.spectral_radius,
            density=self.density,
            leak=self.leak,
            input_scale=self.input_scale,
            bias_scale=self.bias_scale,
            activation=self.activation,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            **settings,
        )

    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the outputs of each step.

        Args:
            inputs: [batch, time, inputs] float, normalised.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, time, outputs].
        """
        return self.output(self.hidden(inputs))

    def hidden(self, inputs: Array) -> Array:
        """Compute what the readout reads, for a rule that solves it.

        Args:
            inputs: [batch, time, inputs] float, normalised.

        Returns:
            [batch, time, features + inputs], the states beside the inputs.
        """
        return _beside(self.reservoir(inputs)[0], inputs)

    def generate(self, inputs: Array, steps: int) -> Array:
        """Hear a history, then run freely: each output is the next input.

        Args:
            inputs: [batch, time, inputs] float, normalised, long enough for the state
                to forget its beginning; as many inputs as outputs.
            steps: how many to predict, at least 1.

        Returns:
            [batch, steps, outputs], the first of them the one after the history.

        Raises:
            ValueError: for fewer than one step, or where outputs are no inputs.
        """
        if steps < 1 or inputs.shape[-1] != self.outputs:
            raise ValueError(
                f'steps is {steps}, and {inputs.shape[-1]} inputs meet {self.outputs} '
                'outputs, wanted at least 1 step and as many inputs as outputs, for '
                'each output is the next input'
            )
        states, carry = self.reservoir(inputs)
        first = self.output(_beside(states[:, -1:], inputs[:, -1:]))

        def step(net: nn.Module, last: tuple, _: None) -> tuple[tuple, Array]:
            carry, value = last
            states, carry = net.reservoir(value, carry)
            new = net.output(_beside(states, value))
            return (carry, new), value

        run = nn.scan(
            step,
            variable_broadcast=('params', 'reservoir'),
            split_rngs={'params': False},
            length=steps,
        )
        _, values = run(self, (carry, first), None)
        return jnp.moveaxis(values[:, :, 0], 0, 1)


def _beside(states: Array, inputs: Array) -> Array:
    return jnp.concatenate([states, inputs.astype(states.dtype)], axis=-1)
