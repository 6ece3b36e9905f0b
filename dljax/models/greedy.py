"""Writing what is likeliest, for nets that write one token after the other."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dljax.types import Array, PyTree

END = 1  # the token that ends a target; 0 is the padding


def write_greedily(
    read: Callable[[Array, PyTree], tuple[Array, PyTree]],
    carry: PyTree,
    *,
    batch: int,
    steps: int,
) -> tuple[Array, Array]:
    """Write the likeliest token at each step, until the end token.

    Args:
        read: `(tokens [batch, 1], carry) -> (logits [batch, 1, tokens], carry)`; the
            first token that it reads is the end token.
        carry: the first one.
        batch: the number of sequences.
        steps: the most tokens to write, the end token included.

    Returns:
        [batch, steps] int32, 0 after the end token, and [batch] int32 in [1, steps],
        the number of tokens with it.

    Example:
        >>> def countdown(tokens, carry):
        ...     return jax.nn.one_hot(carry[:, None], 5), carry - 1
        >>> print(write_greedily(countdown, jnp.array([3, 2]), batch=2, steps=4)[0])
        [[3 2 1 0]
         [2 1 0 0]]
    """

    def step(state: PyTree, _: None) -> tuple[PyTree, tuple[Array, Array]]:
        carry, before, ended = state
        logits, carry = read(before[:, None], carry)
        token = logits[:, 0].argmax(axis=-1).astype(jnp.int32)
        token = jnp.where(ended, 0, token)
        return (carry, token, ended | (token == END)), (token, ended)

    first = carry, jnp.full(batch, END, jnp.int32), jnp.zeros(batch, bool)
    _, (tokens, ended) = jax.lax.scan(step, first, None, length=steps)
    return tokens.T, (~ended).sum(axis=0, dtype=jnp.int32)
