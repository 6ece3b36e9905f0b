"""What nets that write tokens, out of other tokens or of an image, have in common."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dljax.layers import AdditiveAttention
from dljax.types import Array, PyTree

# [batch, time, features] and a carry -> outputs [batch, time, width], carry.
Writer = Callable[[Array, PyTree], tuple[Array, PyTree]]
Written = tuple[Array, Array, Array]

END = 1  # the token that ends a target, and that is read before its first; 0 is padding


def tokens_before(target: Array) -> Array:
    """Give the true token before each step, the end token before the first one.

    Args:
        target: [batch, steps] int32.

    Returns:
        [batch, steps] int32.

    Example:
        >>> print(tokens_before(jnp.array([[5, 3, 1]])))
        [[1 5 3]]
    """
    return jnp.pad(target, ((0, 0), (1, 0)), constant_values=END)[:, :-1]


def check_vocabularies(source_tokens: int, target_tokens: int) -> None:
    """Refuse vocabularies without a word beside the padding and the end.

    Args:
        source_tokens: size of the source vocabulary, the padding included.
        target_tokens: size of the target vocabulary, padding and end included.

    Raises:
        ValueError: naming both.
    """
    if source_tokens < 2 or target_tokens < 3:
        raise ValueError(
            f'source_tokens is {source_tokens} and target_tokens {target_tokens}, '
            'wanted at least 2 and 3: the padding and the end token count'
        )


def write_attending(
    look: AdditiveAttention,
    writer: Writer,
    inputs: Array,
    states: PyTree,
    memory: Array,
    lengths: Array | None = None,
    *,
    keys: Array,
) -> tuple[Written, PyTree]:
    """Run a decoder that looks at a memory before each step, by its state before it.

    Step i reads its input beside the context c_i = Σ_j α_ij m_j, whose weights come
    from the state h_{i-1} of the top layer and the places m_j of the memory.

    Args:
        look: the attention, of the module that calls this.
        writer: the recurrent layers of the same module, with a carry for each of them.
        inputs: [batch, steps, features] float, the embedded tokens before the steps.
        states: the carry before the first step.
        memory: [batch, time, memory features] float.
        lengths: [batch] integers, true places of each memory; None for all.
        keys: [batch, time, attention features], `look.keys(memory)`.

    Returns:
        The outputs [batch, steps, width], the contexts [batch, steps, memory features]
        and the weights [batch, steps, time] in [0, 1]; and the carry after the last.
    """

    def step(states: PyTree, one: Array) -> tuple[PyTree, Written]:
        query = jax.tree.leaves(states[-1])[0][:, None]  # of the top layer
        context, weights = look(query, memory, lengths, keys=keys)
        seen = jnp.concatenate([one[:, None], context.astype(one.dtype)], axis=-1)
        output, states = writer(seen, states)
        return states, (output[:, 0], context[:, 0], weights[:, 0])

    if look.is_initializing():  # a loop can read parameters but not make them
        step(states, inputs[:, 0])
    states, read = jax.lax.scan(step, states, jnp.swapaxes(inputs, 0, 1))
    outputs, contexts, weights = (jnp.swapaxes(x, 0, 1) for x in read)
    return (outputs, contexts, weights), states
