"""The two streams of a dueling network."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.activations import Activation, activate
from dljax.types import Array


class Dueling(nn.Module):
    """Values of actions, from the value of the state and the advantage of each action.

    Q(s, a) = V(s) + A(s, a) - mean_a A(s, a), with a hidden layer in either stream. The
    mean is taken off since V and A could otherwise trade a constant; so the mean of Q
    over the actions is V.

    Attributes:
        actions: the number of actions, at least 1.
        hidden: width of the hidden layer of each stream, at least 1.
        activation: of the hidden layers.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a size below 1.

    Reference:
        Wang et al. (2016), Dueling Network Architectures for Deep Reinforcement
        Learning, https://arxiv.org/abs/1511.06581

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, features = Dueling(actions=3, hidden=8), jnp.ones((2, 4))
        >>> values, _ = layer.init_with_output(jax.random.key(0), features)
        >>> print(values.shape)
        (2, 3)
    """

    actions: int
    hidden: int = 512
    activation: Activation = jax.nn.relu
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.actions < 1 or self.hidden < 1:
            raise ValueError(
                f'actions is {self.actions} and hidden is {self.hidden}, wanted both '
                'to be at least 1'
            )

    @nn.compact
    def __call__(self, features: Array) -> Array:
        """Compute the values.

        Args:
            features: [batch, features] float.

        Returns:
            [batch, actions].
        """
        value = self._stream('value', features, 1)
        advantage = self._stream('advantage', features, self.actions)
        return value + advantage - advantage.mean(axis=1, keepdims=True)

    def _stream(self, name: str, x: Array, outputs: int) -> Array:
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = nn.Dense(self.hidden, name=f'{name}_hidden', **types)(x)
        x = activate(self.activation, x)
        return nn.Dense(outputs, name=name, **types)(x)
