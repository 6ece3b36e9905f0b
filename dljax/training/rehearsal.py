"""The first call of an objective, and what it has to give."""

import inspect
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.types import Batch, Metrics, PyTree, named_leaves

if TYPE_CHECKING:
    from dljax.training.player import Player

_NUMBERS = (jax.Array, np.ndarray, np.bool_, np.number, bool, int, float, complex)
OWN = {'loss', 'gradient_norm', 'finite'}  # metrics of the engine


class NotYetError(ValueError):
    """An objective asked for what is not there, or not there yet."""


def rehearse(name: str, player: 'Player', net: nn.Module, batch: Batch) -> PyTree:
    """Play once for initialisation, and refuse what is no loss and no direction.

    Args:
        name: the player's, for the messages.
        player: whose objective is called.
        net: bound; the call makes its parameters.
        batch: of the training.

    Returns:
        Of a direction shapes and types, for `require_like`; of a loss None.

    Raises:
        ValueError: for an objective that gives something else than its kind should, or
            asks for what there is not.
    """
    kind = 'loss' if player.direction is None else 'direction'
    wanted = 'scalar' if kind == 'loss' else 'dictionary of the trained groups'
    try:
        given = player.objective(net, batch, jnp.int32(0))
    except KeyError as error:
        raise NotYetError(
            f"the {kind} of player '{name}' asks for {error}, which is neither one of "
            f'the features {sorted(batch)} nor one of the parameters so far, '
            f'{sorted(net.variables.get("params", {}))}: correct the name; a net has '
            'its parameters from its first call on, so call it, net(batch[...]), '
            "before you read net.variables['params']"
        ) from error
    except TypeError as error:
        if '__call__() ' not in str(error) and 'not callable' not in str(error):
            raise
        takes = ''
        if f'{type(net).__qualname__}.__call__' in str(error):
            takes = f' {type(net).__name__} takes {_arguments(net)}.'
        raise ValueError(
            f"the {kind} of player '{name}' calls a net with what it does not take: "
            f'{error}.{takes} The objectives here call net(*features, train=...), each '
            'feature an argument of its own: let __call__ take them so, or name as '
            'many features as it takes'
        ) from error
    if not isinstance(given, tuple) or len(given) != 2:
        raise ValueError(
            f"the {kind} of player '{name}' gives {_said(given)}, wanted ({wanted}, "
            f'metrics): return {kind}, {{}} where there are no metrics'
        )
    value, metrics = given
    _require_metrics(name, metrics)
    if kind == 'loss':
        return _require_scalar(name, value)
    if not isinstance(value, Mapping):
        raise ValueError(
            f"the direction of player '{name}' is {_said(value)}, wanted a dictionary "
            "by trained group, formed as net.variables['params'] is: "
            "{'kernel': ..., 'bias': ...}"
        )
    return jax.tree.map(_form, dict(value))


def require_like(name: str, direction: PyTree, trained: PyTree) -> None:
    """Refuse a direction of another form than the parameters that it moves.

    Args:
        name: the player's, for the message.
        direction: what `rehearse` returned; None of a loss.
        trained: the trained groups, by name.

    Raises:
        ValueError: which names the leaves that are missing, too many or shape mismatch.
    """
    if direction is None:
        return
    faults = [f'  {group}: missing' for group in trained if group not in direction]
    for group, tree in direction.items():
        if group not in trained:
            faults.append(f'  {group}: not what it trains')
            continue
        given, wanted = (
            named_leaves({group: tree}),
            named_leaves({group: trained[group]}),
        )
        faults += [f'  {path}: missing' for path in wanted if path not in given]
        for path, leaf in given.items():
            if path not in wanted:
                faults.append(f'  {path}: not a parameter')
            elif leaf.shape != wanted[path].shape:
                shape = list(wanted[path].shape)
                faults.append(f'  {path}: {list(leaf.shape)}, wanted {shape}')
            elif not jnp.issubdtype(leaf.dtype, jnp.floating):
                faults.append(f'  {path}: {leaf.dtype.name}, wanted floats')
    if not faults and jax.tree.structure(direction) != jax.tree.structure(trained):
        faults = [f'  {jax.tree.structure(direction)}: other containers']
    if faults:
        raise ValueError(
            f"the direction of player '{name}' is not formed as what it trains:\n"
            + '\n'.join(faults)
            + f'\nwanted a leaf for each of {list(named_leaves(trained))}: '
            'zeros for what stays'
        )


def _require_metrics(name: str, metrics: Metrics) -> None:
    if not isinstance(metrics, Mapping):
        raise ValueError(
            f"the metrics of player '{name}' are {_said(metrics)}, wanted a dictionary "
            'of scalars by name, {} for none'
        )
    for key, value in metrics.items():
        if not isinstance(key, str):
            raise ValueError(f"player '{name}' names a metric {key!r}, wanted a text")
        if key in OWN or key.endswith('/finite'):
            raise ValueError(
                f"the metric '{key}' of player '{name}' is the engine's own, as are "
                f'{sorted(OWN)}: give those of the objective other names'
            )
        form = _form(value) if isinstance(value, _NUMBERS) else None
        real = (
            form is not None
            and not form.shape
            and (jnp.issubdtype(form.dtype, jnp.number) or form.dtype == jnp.bool_)
            and not jnp.issubdtype(form.dtype, jnp.complexfloating)
        )
        if not real:
            raise ValueError(
                f"the metric '{key}' of player '{name}' is {_said(value)}, wanted a "
                'real scalar: take its mean'
            )


def _require_scalar(name: str, value: PyTree) -> None:
    if not isinstance(value, _NUMBERS):
        raise ValueError(
            f"the loss of player '{name}' is {_said(value)}, wanted a scalar"
        )
    form = _form(value)
    if form.shape:
        raise ValueError(
            f"the loss of player '{name}' has shape {form.shape}, wanted a scalar: "
            'take its mean over the examples'
        )
    if not jnp.issubdtype(form.dtype, jnp.floating):
        raise ValueError(
            f"the loss of player '{name}' has type {form.dtype.name}, wanted a float, "
            'which can be differentiated'
        )


def _arguments(net: nn.Module) -> str:
    return re.sub(r'\(self(, )?', '(', str(inspect.signature(type(net).__call__)))


def _form(value: PyTree) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(value), jnp.result_type(value))


def _said(value: PyTree) -> str:
    if isinstance(value, Mapping):
        return f'a dictionary of {list(value)}'
    if isinstance(value, tuple | list):
        return f'{len(value)} values in a {type(value).__name__}'
    if isinstance(value, _NUMBERS):
        return f'an array {_form(value).dtype.name}{list(jnp.shape(value))}'
    return f'a {type(value).__name__}'
