"""Blocks that are rematerialised in the backward pass, which saves memory."""

from flax import linen as nn

from dljax.types import Array


def rematerialise(
    block: nn.Module,
    inputs: Array,
    *others: Array | None,
    train: bool,
    remat: bool = True,
) -> Array:
    """Call a block, and let the backward pass recompute its inside.

    So only what stands between blocks is kept for the backward pass: memory is saved
    for the time of one more forward pass. Parameters, their paths and the numbers are
    those of the plain call.

    Args:
        block: `(inputs, *others, train) -> outputs`, made in the net that calls this.
        inputs: of any shape that the block takes.
        *others: further arrays of any shape that the block takes, None among them.
        train: handed to the block.
        remat: whether to do so; otherwise the block is just called.

    Returns:
        What the block returns.

    Reference:
        Chen et al. (2016), Training Deep Nets with Sublinear Memory Cost,
        https://arxiv.org/abs/1604.06174

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from dljax.layers import NormalisedConv
        >>> class Net(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x, *, train=False):
        ...         block = NormalisedConv(3, name='block')
        ...         return rematerialise(block, x, train=train)
        >>> variables = Net().init(jax.random.key(0), jnp.ones((2, 4, 4, 3)))
        >>> list(variables['params'])
        ['block']
    """
    if not remat:
        return block(inputs, *others, train=train)

    # A flag among the arguments would be traced.
    def call(block: nn.Module, *arrays: Array | None) -> Array:
        return block(*arrays, train=train)

    return nn.remat(call)(block, inputs, *others)
