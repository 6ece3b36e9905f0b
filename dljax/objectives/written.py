"""What objectives of nets that write tokens have in common, whatever is given."""

import jax.numpy as jnp
from flax import linen as nn

from dljax.decoding import greedy
from dljax.metrics import accuracy
from dljax.objectives.steps import per_step, within_length
from dljax.types import Array, PyTree


def forced(
    logits: Array, target: Array, length: Array, *, label_smoothing: float = 0.0
) -> tuple[Array, Array]:
    """Compare logits under teacher forcing with what is wanted.

    Args:
        logits: [batch, steps, tokens].
        target: [batch, steps] integers in [0, tokens).
        length: [batch] integers, true steps, the end token included.
        label_smoothing: in [0, 1], see `losses.cross_entropy`.

    Returns:
        [batch] float32 each: the loss in nats a token, and the fraction of the true
        tokens that are likeliest where all before them are given.
    """
    where = within_length(length, target.shape[1])
    loss = per_step(logits, target, where, label_smoothing=label_smoothing)
    return loss, accuracy(logits, target, where=where)


def written(
    net: nn.Module, *given: PyTree, steps: int, first: int, end: int, examples: int
) -> Array:
    """Write by greedy decoding.

    Args:
        net: bound, as `decoding.greedy` wants it.
        *given: what it begins with.
        steps: the most tokens.
        first: the token that it reads before it writes the first one.
        end: the token that ends a sequence.
        examples: in the batch.

    Returns:
        [batch, steps] int32, 0 after the end.
    """
    prompt = jnp.full((examples, 1), first, jnp.int32)
    return greedy(net, prompt, *given, steps=steps, end=end).tokens


def or_nan(known: Array, flags: Array) -> Array:
    """Give flags as numbers, NaN where what they are of is not known.

    It is a choice: compiled, a product of a flag that is false is 0 even of NaN.

    Args:
        known: [batch] float, NaN or 1.
        flags: [batch] bool.

    Returns:
        [batch] float32: 0, 1 or NaN.

    Example:
        >>> print(or_nan(jnp.array([1.0, jnp.nan]), jnp.array([True, False])))
        [ 1. nan]
    """
    return jnp.where(jnp.isnan(known), known, flags)
