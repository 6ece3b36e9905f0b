"""The first carry of a recurrent stack, from what it is to start with."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.recurrent_stack import RecurrentStack
from dljax.types import Array, PyTree


class InitialCarry(nn.Module):
    """First carry of a recurrent stack, learned from a vector: tanh(V x + b) (U3.1).

    One product gives the states of all layers, directions and arrays.

    Attributes:
        stack: the stack that is to start with it; only its form is read.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of V.

    Reference:
        Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder for
        Statistical Machine Translation, https://arxiv.org/abs/1406.1078; its decoder
        starts at tanh(V c).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from dljax.layers import LSTM
        >>> start = InitialCarry(RecurrentStack(LSTM(8)))
        >>> ((h, c),), _ = start.init_with_output(jax.random.key(0), jnp.ones((2, 3)))
        >>> print(h.shape, c.shape)
        (2, 8) (2, 8)
    """

    stack: RecurrentStack
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, inputs: Array) -> PyTree:
        """Compute the carry.

        Args:
            inputs: [batch, features] float.

        Returns:
            A carry for `stack`: arrays of [batch, ...] in (-1, 1).
        """
        widths, form = jax.tree.flatten(self.stack.carry_form())
        states = nn.Dense(
            sum(widths),
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=self.kernel_init,
            name='states',
        )(inputs)
        parts = jnp.split(jnp.tanh(states), np.cumsum(widths)[:-1].tolist(), axis=-1)
        return jax.tree.unflatten(form, parts)


def in_types(
    stack: RecurrentStack, dtype: DTypeLike | None, param_dtype: DTypeLike
) -> RecurrentStack:
    """Copy a stack into the types of the model that holds it.

    Args:
        stack: the stack.
        dtype: of the computation; None leaves the stack's own.
        param_dtype: of the parameters.

    Returns:
        The copy, without a parent.

    Example:
        >>> import jax.numpy as jnp
        >>> in_types(RecurrentStack(), jnp.bfloat16, jnp.float32).dtype.__name__
        'bfloat16'
    """
    types: dict[str, Any] = {'param_dtype': param_dtype}
    types |= {} if dtype is None else {'dtype': dtype}
    return stack.clone(parent=None, name=None, **types)
