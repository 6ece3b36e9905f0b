"""Multilayer perceptron of any depth and widths."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.activations import Activation, activate
from dljax.layers.checks import check_fractions
from dljax.types import Array


class MLP(nn.Module):
    """Multilayer perceptron: dense layers, each with an activation, then logits.

    h_0 = x, h_l = φ(W_l h_{l-1} + b_l), logits = W h_L + b. The classical form has a
    sigmoid at every node: pass `activation=jax.nn.sigmoid` and apply another to the
    logits, or a loss that does. One hidden layer, if it is wide enough, approximates
    any continuous function.

    Attributes:
        hidden: the width of each hidden layer, at least 1; `()` for a linear net.
        outputs: the number of logits or real outputs.
        activation: φ, a function, or a module class such as `nn.PReLU` of which each
            layer gets its own.
        dropout: the probability in [0, 1) with which a hidden unit is dropped.
        input_dropout: the same for an input.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        bias_init: initialiser of the biases.

    Raises:
        ValueError: for a width below 1 or a dropout out of range.

    Reference:
        Rumelhart et al. (1986), Learning Representations by Back-Propagating Errors,
        https://doi.org/10.1038/323533a0
        Hornik (1991), Approximation Capabilities of Multilayer Feedforward Networks,
        https://doi.org/10.1016/0893-6080(91)90009-T; universal approximation.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = MLP(hidden=(16, 8), outputs=3)
        >>> inputs = jnp.ones((2, 4))
        >>> variables = net.init(jax.random.key(0), inputs)
        >>> print(net.apply(variables, inputs).shape)
        (2, 3)
    """

    hidden: tuple[int, ...] = (128,)
    outputs: int = 10
    activation: Activation = jax.nn.relu
    dropout: float = 0.0
    input_dropout: float = 0.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()
    bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if not isinstance(self.hidden, tuple) or any(w < 1 for w in self.hidden):
            raise ValueError(
                f'hidden is {self.hidden!r}, wanted a tuple of widths of at least 1, '
                'such as (128, 64), or () for a linear net'
            )
        if self.outputs < 1:
            raise ValueError(f'outputs is {self.outputs}, wanted at least 1')
        check_fractions(dropout=self.dropout, input_dropout=self.input_dropout)

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            inputs: [batch, ...] float; all but the batch axis is flattened.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, outputs] logits.
        """
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
            'bias_init': self.bias_init,
        }
        x = inputs.reshape(inputs.shape[0], -1)
        x = nn.Dropout(self.input_dropout, deterministic=not train)(x)
        for index, width in enumerate(self.hidden):
            x = nn.Dense(width, name=f'hidden_{index}', **types)(x)
            x = activate(self.activation, x)
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.outputs, name='output', **types)(x)
