"""What decoding asks of a net, and what it gives: one form for all.

A net that writes offers two methods, in evaluation mode unless it is told otherwise:

- `begin(*conditions, steps=) -> carry`: what it remembers before the first token, of a
  source, an image or nothing, with room for so many tokens, the prompt included, where
  it needs that; None where the carry begins empty;
- `read(tokens, carry) -> (logits, carry)`: [batch, time] tokens to the logits
  [batch, time, vocabulary] of the token after each one.

The carry is any pytree: states of recurrent layers, the keys and values of a cache, the
source that attention looks at. Its leaves have the batch as their first axis, but for
scalars, such as a position that is the same for all.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.losses.meaning import nan_beyond
from dljax.types import Array, PyTree

PADDING = 0  # what is written after the end

# [batch, time] tokens and a carry -> log-probabilities [batch, vocabulary], carry.
Read = Callable[[Array, PyTree], tuple[Array, PyTree]]


class Decoded(NamedTuple):
    """Sequences that were written, one a row, or several a row, the best one first.

    Attributes:
        tokens: [batch, steps] or [batch, width, steps] int32, without the prompt, 0
            after the end.
        lengths: [batch] or [batch, width] int32 in [0, steps], tokens written, with the
            end token.
        log_probabilities: [batch] or [batch, width] float32 in nats, of the whole
            sequence, at most 0.
    """

    tokens: Array
    lengths: Array
    log_probabilities: Array


def start(
    net: nn.Module,
    prompt: Array,
    conditions: Sequence[PyTree],
    *,
    steps: int,
    end: int | None,
) -> tuple[Read, Array, PyTree]:
    """Let a net read its conditions and its prompt.

    The net is unbound, since Linen forbids calls of a bound one inside a loop of JAX.
    It begins at zero, whatever carry it has kept from the training.

    Args:
        net: bound, with the two methods above.
        prompt: [batch, time] int32 tokens, at least one a row; one that the net has
            none of makes all log-probabilities of its row NaN.
        conditions: what `begin` is called with.
        steps: the most tokens to write.
        end: the token that ends a sequence; None for none.

    Returns:
        What reads further tokens, the log-probabilities [batch, vocabulary] of the
        first token in float32, and the carry.

    Raises:
        ValueError: for a prompt of another shape or an empty one, fewer than one step,
            or an end token beyond the vocabulary.
    """
    if prompt.ndim != 2 or not prompt.shape[1] or steps < 1:
        raise ValueError(
            f'the prompt has shape {prompt.shape} and steps is {steps}, wanted [batch, '
            'time] with at least one token a row, such as the token that a target '
            'begins with, and 1 or more steps'
        )
    net, variables = net.unbind()
    variables = {name: v for name, v in variables.items() if name != 'carry'}

    def read(tokens: Array, carry: PyTree) -> tuple[Array, PyTree]:
        logits, carry = net.apply(variables, tokens, carry, method='read')
        return jax.nn.log_softmax(logits[:, -1].astype(jnp.float32)), carry

    room = prompt.shape[1] + steps
    carry = net.apply(variables, *conditions, steps=room, method='begin')
    said, carry = read(prompt, carry)
    vocabulary = said.shape[-1]
    if end is not None and not 0 <= end < vocabulary:
        raise ValueError(
            f'end is {end}, wanted a token in [0, {vocabulary}), or None to write all '
            'steps'
        )
    known = nan_beyond(prompt, vocabulary).min(axis=1, keepdims=True)
    return read, said * known, carry
