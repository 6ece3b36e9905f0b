"""Many-to-one: one output for a whole sequence (U3.1, U3.3)."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import LSTM, RecurrentStack, in_types
from dljax.layers.checks import check_fractions
from dljax.types import Array


class SequenceClassifier(nn.Module):
    """Recurrent layers over a sequence, and one output for it (U3.1, U3.3).

    y = W_ya s + b_y, where s is what the layers say at the last true step, or the mean
    of what they say over all true steps. In both directions the last step of the
    backward one is the first of the sequence: each has then read all of it.

    Attributes:
        outputs: the number of logits or real outputs, at least 1.
        stack: the recurrent layers.
        average: whether s is the mean over time.
        dropout: the probability in [0, 1) with which an element of s is dropped.
        dtype: the type of the computation; None takes that of inputs and parameters.
            The mean is taken in float32.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the output's weights.

    Raises:
        ValueError: for fewer than one output or a dropout out of range.

    Reference:
        Schuster, Paliwal (1997), Bidirectional Recurrent Neural Networks,
        https://doi.org/10.1109/78.650093

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = SequenceClassifier(3, RecurrentStack(LSTM(8), bidirectional=True))
        >>> sequence, length = jnp.ones((2, 5, 4)), jnp.array([5, 2])
        >>> logits, _ = net.init_with_output(jax.random.key(0), sequence, length)
        >>> print(logits.shape)
        (2, 3)
    """

    outputs: int = 2
    stack: RecurrentStack = RecurrentStack(LSTM(128))
    average: bool = False
    dropout: float = 0.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.outputs < 1:
            raise ValueError(f'outputs is {self.outputs}, wanted at least 1')
        check_fractions(dropout=self.dropout)

    def setup(self) -> None:
        """Make the layers."""
        self.recurrent = in_types(self.stack, self.dtype, self.param_dtype)
        self.drop = nn.Dropout(self.dropout)
        self.output = nn.Dense(
            self.outputs,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=self.kernel_init,
        )

    def __call__(
        self, sequence: Array, length: Array | None = None, *, train: bool = False
    ) -> Array:
        """Compute the logits.

        Args:
            sequence: [batch, time, inputs] float, padded at the end.
            length: [batch] int32 in [1, time], true steps; None for all.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, outputs] logits.
        """
        states, _ = self.recurrent(sequence, lengths=length, train=train)
        summary = (
            self._mean(states, length) if self.average else self._last(states, length)
        )
        return self.output(self.drop(summary, deterministic=not train))

    def _mean(self, states: Array, length: Array | None) -> Array:
        total = states.astype(jnp.float32).sum(axis=1)  # the padding is 0
        if length is None:
            return (total / states.shape[1]).astype(states.dtype)
        return (total / jnp.maximum(length, 1)[:, None]).astype(states.dtype)

    def _last(self, states: Array, length: Array | None) -> Array:
        if length is None:
            last = states[:, -1]
        else:
            last = jnp.take_along_axis(states, length[:, None, None] - 1, axis=1)[:, 0]
        if not self.stack.bidirectional:
            return last
        half = states.shape[-1] // 2
        return jnp.concatenate([last[:, :half], states[:, 0, half:]], axis=-1)
