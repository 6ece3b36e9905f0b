"""A multilayer perceptron that values actions."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.activations import Activation, activate
from dljax.layers.dueling import Dueling
from dljax.types import Array


class QNetwork(nn.Module):
    """Values of all actions from a short observation: dense layers.

    4-120-84-2, the default, has 10,934 parameters on CartPole. With `dueling` the last
    hidden layer is made twice, for the value of the state and for the advantages.

    Attributes:
        hidden: the width of each hidden layer; at least one of them, at least 1 wide.
        actions: the number of actions, at least 1.
        dueling: whether value and advantages have streams of their own.
        activation: of the hidden layers.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a size below 1.

    Reference:
        Mnih et al. (2015), Human-Level Control through Deep Reinforcement Learning,
        https://doi.org/10.1038/nature14236
        Huang et al. (2022), CleanRL: High-Quality Single-File Implementations of Deep
        Reinforcement Learning Algorithms, https://github.com/vwxyzjn/cleanrl; the
        widths of its `dqn.py` stand for the convolutions.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, observation = QNetwork(actions=2), jnp.ones((3, 4))
        >>> values, _ = net.init_with_output(jax.random.key(0), observation)
        >>> print(values.shape)
        (3, 2)
    """

    hidden: tuple[int, ...] = (120, 84)
    actions: int = 2
    dueling: bool = False
    activation: Activation = jax.nn.relu
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if (
            not isinstance(self.hidden, tuple)
            or not self.hidden
            or min(self.hidden) < 1
        ):
            raise ValueError(
                f'hidden is {self.hidden!r}, wanted a tuple of one or more widths of '
                'at least 1, such as (120, 84)'
            )
        if self.actions < 1:
            raise ValueError(f'actions is {self.actions}, wanted at least 1')

    @nn.compact
    def __call__(self, observation: Array, *, train: bool = False) -> Array:
        """Compute the values.

        Args:
            observation: [batch, ...] float, of about unit scale; all but the batch axis
                is flattened.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, actions], the value of each action.
        """
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = observation.reshape(observation.shape[0], -1)
        *trunk, last = self.hidden
        for index, width in enumerate(trunk if self.dueling else self.hidden):
            x = nn.Dense(width, name=f'hidden_{index}', **types)(x)
            x = activate(self.activation, x)
        if self.dueling:
            head = Dueling(self.actions, last, self.activation, name='dueling', **types)
            return head(x)
        return nn.Dense(self.actions, name='output', **types)(x)
