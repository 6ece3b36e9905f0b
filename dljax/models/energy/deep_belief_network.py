"""Deep belief network: a stack of restricted Boltzmann machines (U1.13)."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.models.energy.restricted_boltzmann_machine import (
    RestrictedBoltzmannMachine,
)
from dljax.types import Array


class DeepBeliefNetwork(nn.Module):
    """Stacked machines that are learned one after the other, and a classifier on top.

    Each machine learns the hidden probabilities of the one below it: `rbm_0`, `rbm_1`,
    ... in the parameters. Then the stack is the start of a net of sigmoid layers
    h_l = σ(c_l + h_{l-1} W_l) with a linear `output`, which is trained as a whole. It
    leaves the visible biases alone: they serve the way down.

    Attributes:
        visible: the number of visible units, at least 1.
        hidden: units of each machine, from the lowest up, at least one machine.
        classes: the number of logits, at least 1 (a single one is of two classes).
        dtype: the type of products; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the machines' weights: small for the greedy way.
            A net of so many sigmoid layers that starts with labels needs larger ones.
        visible_bias_init: initialiser of the lowest machine's visible biases: best the
            log odds of the data, which its hidden units then need not learn.
        output_init: initialiser of the output's weights.

    Raises:
        ValueError: without a machine, or for fewer than one unit or logit.

    Reference:
        Hinton et al. (2006), A Fast Learning Algorithm for Deep Belief Nets,
        https://doi.org/10.1162/neco.2006.18.7.1527. There the top machine sees the
        labels and the stack is tuned by wake and sleep.
        Hinton, Salakhutdinov (2006), Reducing the Dimensionality of Data with Neural
        Networks, https://doi.org/10.1126/science.1127647; the linear output tuned by
        gradient.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = DeepBeliefNetwork(visible=6, hidden=(5, 4), classes=3)
        >>> inputs = jnp.ones((2, 6))
        >>> variables = net.init(jax.random.key(0), inputs)
        >>> print(net.apply(variables, inputs).shape)
        (2, 3)
        >>> print(net.apply(variables, inputs, method=net.reconstruct).shape)
        (2, 6)
    """

    visible: int = 784
    hidden: tuple[int, ...] = (500, 500, 2000)
    classes: int = 10
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.01)
    visible_bias_init: Initializer = nn.initializers.zeros
    output_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if not isinstance(self.hidden, tuple) or not self.hidden:
            raise ValueError(
                f'hidden is {self.hidden!r}, wanted a tuple of at least one width, '
                'such as (500, 500)'
            )
        if min(self.visible, self.classes, *self.hidden) < 1:
            raise ValueError(
                f'visible is {self.visible}, hidden is {self.hidden} and classes is '
                f'{self.classes}, wanted all to be at least 1'
            )

    def setup(self) -> None:
        """Make the machines and the output."""
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        widths = (self.visible, *self.hidden)
        self.rbm = [
            RestrictedBoltzmannMachine(
                widths[i],
                widths[i + 1],
                kernel_init=self.kernel_init,
                visible_bias_init=nn.initializers.zeros
                if i
                else self.visible_bias_init,
                **types,
            )
            for i in range(len(self.hidden))
        ]
        self.output = nn.Dense(self.classes, kernel_init=self.output_init, **types)

    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            inputs: [batch, ...] in [0, 1]; all but the batch axis is flattened.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, classes] logits.
        """
        return self.output(self.up(inputs, len(self.hidden)))

    def up(self, inputs: Array, layers: int) -> Array:
        """Compute the hidden probabilities of a machine, from below.

        Args:
            inputs: [batch, ...] in [0, 1]; all but the batch axis is flattened.
            layers: through how many machines; 0 gives the inputs, flattened.

        Returns:
            [batch, units] in [0, 1].
        """
        h = self.rbm[0].flat(inputs)
        for machine in self.rbm[:layers]:
            h = jax.nn.sigmoid(machine.hidden_logits(h))
        return h

    def reconstruct(self, inputs: Array) -> Array:
        """Go up through all machines and down again, by probabilities.

        Args:
            inputs: [batch, ...] in [0, 1]; all but the batch axis is flattened.

        Returns:
            [batch, visible] log odds.
        """
        h = self.up(inputs, len(self.hidden))
        for machine in reversed(self.rbm[1:]):
            h = jax.nn.sigmoid(machine.visible_logits(h))
        return self.rbm[0].visible_logits(h)
