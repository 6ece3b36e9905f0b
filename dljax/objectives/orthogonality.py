"""A task that holds the weights of a player near to orthogonal ones."""

import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import orthogonal_penalty
from dljax.objectives.adversarial import Task
from dljax.types import Array, Batch, Metrics, named_leaves


def hold_orthogonal(
    weight: float = 1e-4,
    *,
    player: str = 'generator',
    without: tuple[str, ...] = ('embedding',),
) -> Task:
    """Penalise the weights of a player where those of different units are alike.

    A generator whose weights are nearly orthogonal makes fair samples of truncated
    noise as well.

    Args:
        weight: β of each matrix's `orthogonal_penalty`, 1e-4 in the paper.
        player: whose weights they are: the group of that name.
        without: names of parameters, or of layers, that are left out: by default
            embeddings, of which a class has one.

    Returns:
        The task, for `fool` or `tell_apart`. Metrics: 'orthogonality', the sum of the
        penalties without the weight.

    Raises:
        ValueError: for a weight that is not positive; in the turn, where no matrix is
            left.

    Reference:
        Brock et al. (2019), Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, section 3.1, https://arxiv.org/abs/1809.11096
    """
    if not weight > 0:
        raise ValueError(f'weight is {weight}, wanted a positive number: 1e-4 is usual')

    def task(
        net: nn.Module,
        real: tuple[Array, ...] | None,
        fake: tuple[Array, ...],
        noise: Array,
        batch: Batch,
    ) -> tuple[Array, Metrics]:
        del real, fake, noise, batch
        params = net.variables['params'][player]
        kernels = [
            leaf
            for path, leaf in named_leaves(params).items()
            if leaf.ndim > 1 and not set(without) & set(path.split('/'))
        ]
        if not kernels:
            raise ValueError(
                f"'{player}' has no matrices beside {without}, wanted at least one: "
                'name the player whose weights are to be held'
            )
        penalty = jnp.stack([orthogonal_penalty(kernel) for kernel in kernels]).sum()
        return weight * penalty, {'orthogonality': penalty}

    return task
