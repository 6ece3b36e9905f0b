"""Inputs of which a part is there, and the rest is taken from other examples."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from dljax.explain.target import Explained, choose_label, evidence, outputs_of
from dljax.types import Array


def coalition_value(
    net: Explained,
    inputs: Array,
    label: Array | None,
    background: Array,
    players: Array | np.ndarray | None,
) -> tuple[Callable[[Array], Array], int]:
    """Give what a net makes of inputs of which only some players are there.

    Args:
        net: as of `shapley_values`; so for the others.
        inputs: [batch, ...].
        label: [batch], or None.
        background: [examples, ...].
        players: [...] integers, or None.

    Returns:
        `present -> value`, of [players] bool to [batch] float32, and how many there
        are.

    Raises:
        ValueError: as of `shapley_values`.
    """
    predict = outputs_of(net, inputs)
    background = jnp.asarray(background)
    shape = inputs.shape[1:]
    if background.ndim != inputs.ndim or background.shape[1:] != shape:
        raise ValueError(
            f'background has shape {background.shape}, wanted [examples, '
            f'{", ".join(map(str, shape))}]: examples like the inputs, of shape '
            f'{inputs.shape}; add the first axis to a single one'
        )
    if not len(background) or not len(inputs):
        raise ValueError(
            f'there are {len(inputs)} inputs and {len(background)} examples of the '
            'background, wanted one or more of each'
        )
    if jnp.result_type(background, inputs) != inputs.dtype:
        raise ValueError(
            f'background is {background.dtype} and the inputs {inputs.dtype}, wanted '
            'what the inputs can hold: convert one of them'
        )
    groups, count = groups_of(players, shape)
    chosen = choose_label(predict(inputs), label)
    repeated = jnp.repeat(chosen, len(background))

    def value(present: Array) -> Array:
        mixed = jnp.where(present[groups], inputs[:, None], background[None])
        outputs = predict(mixed.reshape(-1, *shape).astype(inputs.dtype))
        return evidence(outputs, repeated).reshape(len(inputs), -1).mean(1)

    return value, count


def groups_of(
    players: Array | np.ndarray | None, shape: tuple[int, ...]
) -> tuple[np.ndarray, int]:
    """Tell which player each element of an example belongs to.

    Args:
        players: [...] integers from 0 on, of the shape of an example or one that
            broadcasts to it; None for a player each element.
        shape: of an example.

    Returns:
        [...] integers of that shape, and how many players there are.

    Raises:
        ValueError: for players that are no such integers, or leave a number out.
    """
    if players is None:
        size = int(np.prod(shape))
        return np.arange(size).reshape(shape), size
    groups = np.asarray(players)
    fits = np.issubdtype(groups.dtype, np.integer)
    try:
        groups = np.broadcast_to(groups, shape)
    except ValueError:
        fits = False
    found = np.unique(groups)
    if not fits or not np.array_equal(found, np.arange(len(found))):
        raise ValueError(
            f'players have shape {np.shape(players)} and are {found[:6].tolist()}..., '
            f'wanted integers that broadcast to {shape}, with each of 0, 1, ... in use'
        )
    return groups, len(found)
