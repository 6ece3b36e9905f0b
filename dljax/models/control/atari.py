"""The network that learned to play from the screen."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.activations import Activation, activate
from dljax.layers.conv import Conv
from dljax.layers.dueling import Dueling
from dljax.layers.images import check_images
from dljax.types import Array


class AtariQNetwork(nn.Module):
    """Values of all actions from the last frames of a screen: three convolutions.

    8x8x32 with stride 4, 4x4x64 with stride 2, 3x3x64, dense 512, values: 1,686,180
    parameters for four actions on 84x84x4. With `dueling` the dense layer is made
    twice, for the value of the state and for the advantages.

    Attributes:
        actions: the number of actions, at least 1; 4 to 18 in the paper.
        dueling: whether value and advantages have streams of their own.
        activation: of the hidden layers.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for fewer than one action.

    Reference:
        Mnih et al. (2015), Human-Level Control through Deep Reinforcement Learning,
        https://doi.org/10.1038/nature14236

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, frames = AtariQNetwork(actions=6), jnp.ones((2, 84, 84, 4))
        >>> init = net.init_with_output  # traced here; call it to get parameters
        >>> values, variables = jax.eval_shape(init, jax.random.key(0), frames)
        >>> print(values.shape)
        (2, 6)
    """

    actions: int = 4
    dueling: bool = False
    activation: Activation = jax.nn.relu
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.actions < 1:
            raise ValueError(f'actions is {self.actions}, wanted at least 1')

    @nn.compact
    def __call__(self, observation: Array, *, train: bool = False) -> Array:
        """Compute the values.

        Args:
            observation: [batch, height, width, frames] float in [0, 1], 84x84x4 in the
                paper, the last frames as channels.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, actions], the value of each action.

        Raises:
            ValueError: if `observation` is no batch of images of at least 36x36.
        """
        check_images(observation, smallest=36)
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = observation
        for index, (features, size, stride) in enumerate(
            ((32, 8, 4), (64, 4, 2), (64, 3, 1))
        ):
            x = Conv(
                features,
                (size, size),
                strides=(stride, stride),
                padding='VALID',
                name=f'conv_{index}',
                **types,
            )(x)
            x = activate(self.activation, x)
        x = x.reshape(x.shape[0], -1)
        if self.dueling:
            head = Dueling(self.actions, 512, self.activation, name='dueling', **types)
            return head(x)
        x = activate(self.activation, nn.Dense(512, name='hidden', **types)(x))
        return nn.Dense(self.actions, name='output', **types)(x)
