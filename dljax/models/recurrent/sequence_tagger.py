"""Aligned many-to-many: an output at each step of a sequence (U3.1, U3.3)."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import LSTM, Dense, RecurrentStack, in_types
from dljax.types import Array


class SequenceTagger(nn.Module):
    """Recurrent layers, and an output at each step: y_t = W_ya a_t + b_y (U3.1, U3.3).

    With `stack=RecurrentStack(Elman(n))` it is Elman's network; g2, the activation of
    the output, is left to the loss. On sequences of one step it is the one-to-one
    form: a feed-forward net with one hidden layer.

    Attributes:
        outputs: the number of logits or real outputs of a step, at least 1.
        stack: the recurrent layers. Where these are bidirectional, an output depends on
            what follows as well.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the output's weights.

    Raises:
        ValueError: for fewer than one output.

    Reference:
        Elman (1990), Finding Structure in Time,
        https://doi.org/10.1207/s15516709cog1402_1

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, sequence = SequenceTagger(outputs=3), jnp.ones((2, 5, 4))
        >>> logits, _ = net.init_with_output(jax.random.key(0), sequence)
        >>> print(logits.shape)
        (2, 5, 3)
    """

    outputs: int = 2
    stack: RecurrentStack = RecurrentStack(LSTM(128))
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.outputs < 1:
            raise ValueError(f'outputs is {self.outputs}, wanted at least 1')

    def setup(self) -> None:
        """Make the layers."""
        self.recurrent = in_types(self.stack, self.dtype, self.param_dtype)
        self.output = Dense(
            self.outputs,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=self.kernel_init,
        )

    def __call__(
        self, sequence: Array, length: Array | None = None, *, train: bool = False
    ) -> Array:
        """Compute the logits of all steps.

        Args:
            sequence: [batch, time, inputs] float, padded at the end.
            length: [batch] int32 in [1, time], true steps; None for all.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, time, outputs] logits, those of the padding without meaning.
        """
        states, _ = self.recurrent(sequence, lengths=length, train=train)
        return self.output(states)
