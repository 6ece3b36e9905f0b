"""Nets that work in train mode without moving their statistics."""

from collections.abc import Callable

from flax import linen as nn

from dljax.training.player import COLLECTIONS
from dljax.types import PyTree


def unmoved(net: nn.Module) -> Callable[..., PyTree]:
    """Call a bound net so that its collections stay as they are.

    Batch normalisation in train mode uses the statistics of the batch and moves its
    averages; where a net is called in the turn of another player, or inside `jax.grad`
    or `jax.vmap`, they must not move. Gradients flow through as ever. While the net is
    being initialised it is called as it is.

    Args:
        net: a bound module, or a part of one.

    Returns:
        A function of the net's arguments, fit for `jax.grad` and `jax.vmap` as well.
        All its calls use the same random numbers (for dropout, say), which are not
        those of another `unmoved`.
    """
    if net.is_initializing():
        return net
    drawn = net.has_rng('unmoved') or net.has_rng('params')
    rngs = {'params': net.make_rng('unmoved')} if drawn else {}
    apart, variables = net.unbind()

    def call(*arguments: PyTree, **keywords: PyTree) -> PyTree:
        outputs, _ = apart.apply(
            variables, *arguments, **keywords, rngs=rngs, mutable=COLLECTIONS
        )
        return outputs

    return call
