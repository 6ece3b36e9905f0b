"""What both players of a game are conditioned on."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.losses.meaning import nan_beyond
from dljax.objectives import wanted
from dljax.types import Array


def mark_unknown(part: nn.Module, conditions: tuple[Array, ...]) -> Array | float:
    """Mark a batch with a label that a player has no class for.

    Args:
        part: a player, with a field `classes` where it is conditioned on labels.
        conditions: what it is conditioned on, each [batch, ...].

    Returns:
        NaN where there is such a label, else 1.
    """
    count, mark = getattr(part, 'classes', None), 1.0
    for values in conditions:
        if count and values.ndim == 1 and jnp.issubdtype(values.dtype, jnp.integer):
            mark = mark * nan_beyond(values, count).min()
    return mark


def check_conditions(
    net: nn.Module,
    arrays: Mapping[str, Any],
    feature: str,
    generator_conditions: tuple[str, ...],
    discriminator_conditions: tuple[str, ...],
) -> None:
    """Refuse labels that a player has no class for, and other numbers not finite.

    Args:
        net: with the fields `generator` and `discriminator`.
        arrays: [example, ...] by feature.
        feature: that holds real samples.
        generator_conditions: features that the generator takes.
        discriminator_conditions: features that the discriminator takes.

    Raises:
        ValueError: naming the first such example.
    """
    wanted.take(arrays, feature, *generator_conditions, *discriminator_conditions)
    for player, names in (
        ('generator', generator_conditions),
        ('discriminator', discriminator_conditions),
    ):
        count = getattr(getattr(net, player, None), 'classes', None)
        for name in names:
            if count and np.ndim(arrays[name]) == 1:
                wanted.classes(arrays, name, count, shape=())
            else:
                wanted.finite(arrays, name)
