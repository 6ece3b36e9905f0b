"""What a training begins with, where that is not a fresh draw."""

import jax
import jax.numpy as jnp

from dljax.types import PyTree, named_leaves


def begin(variables: PyTree, start: PyTree | None) -> PyTree:
    """Put what is given in the place of what was drawn.

    Args:
        variables: freshly drawn, by collection: `{'params': ..., 'batch_stats': ...}`.
        start: part of such a tree, or None.

    Returns:
        The variables, floats in the type that the net has for them.

    Raises:
        ValueError: for arrays that the net does not have, or has in another shape or
            kind; all are named.

    Example:
        >>> fresh = {'params': {'body': jnp.zeros(2), 'head': jnp.zeros(3)}}
        >>> begin(fresh, {'params': {'body': jnp.ones(2)}})['params']['body'].tolist()
        [1.0, 1.0]
    """
    if start is None:
        return variables
    drawn, given = named_leaves(variables), named_leaves(start)
    if not given:
        raise ValueError(
            "start holds no array, wanted {'params': {...}} with arrays in it"
        )
    faults = []
    for path, value in given.items():
        got = f'{jnp.result_type(value).name}{list(jnp.shape(value))}'
        if path not in drawn:
            faults.append(f'  {path}: {got}, which the net does not have')
            continue
        wanted = drawn[path]
        alike = jnp.issubdtype(jnp.result_type(value), jnp.floating) == jnp.issubdtype(
            wanted.dtype, jnp.floating
        )
        if jnp.shape(value) != wanted.shape or not alike:
            there = f'{wanted.dtype.name}{list(wanted.shape)}'
            faults.append(f'  {path}: {got}, wanted {there}')
    if faults:
        raise ValueError(
            'start does not fit the net:\n'
            + '\n'.join(faults)
            + f'\nThe net has {", ".join(list(drawn)[:6])} and so on, '
            f'{len(drawn)} arrays; leave out what is to be drawn afresh, such as the '
            'output of another number of classes'
        )

    leaves = [
        jnp.asarray(given[path], leaf.dtype) if path in given else leaf
        for path, leaf in drawn.items()
    ]
    return jax.tree.unflatten(jax.tree.structure(variables), leaves)


def fresh(variables: PyTree, start: PyTree) -> list[str]:
    """List what `start` leaves to be drawn, by path.

    Args:
        variables: of the net, by collection.
        start: as `begin` takes it.

    Returns:
        Paths such as 'params/output/kernel'.
    """
    given = named_leaves(start)
    return [path for path in named_leaves(variables) if path not in given]
