"""A net as JSON, and back: so that a run can be taken up without its code."""

import dataclasses
import enum
import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.models.container import container
from dljax.models.vocabulary import TYPES, look_up, name_of, type_of

_LARGEST = 2**16  # numbers of an array that is a field
_DEEPEST = 40  # a field in a field in a field
_LINEN = ('parent', 'name', 'axis_name')  # of the training, not of the net


def structure(net: nn.Module) -> dict[str, Any]:
    """Describe a net by values that JSON holds.

    Classes and functions of dljax, Linen and JAX are written by name. What has no such
    name, as a class or a lambda of the user's own, is written as unknown: the net can
    be described, but not be rebuilt. Initialisers are left out, for a net that is
    rebuilt has its arrays already.

    Args:
        net: a module, not bound.

    Returns:
        The description, which `rebuilt` takes.

    Example:
        >>> made = structure(nn.Dense(2))
        >>> made['module'], made['fields']['features'], made['fields']['param_dtype']
        ('flax.linen.Dense', 2, {'type': 'float32'})
    """
    return _described(net, 0)


def rebuilt(made: Mapping[str, Any]) -> nn.Module:
    """Make the net that `structure` described.

    Nothing but classes and functions of dljax.models, dljax.layers, Linen and JAX is
    used, from a list; whatever else a file names is refused, not imported.

    Args:
        made: what `structure` gave, or what JSON made of it.

    Returns:
        The net, with initialisers of its class.

    Raises:
        ValueError: for what is unknown, by its name and place, or no description.

    Example:
        >>> made = structure(nn.Sequential([nn.Dense(2), jnp.tanh]))
        >>> rebuilt(made).layers[0].features
        2
    """
    try:
        net = _value(made, 'the net', 0)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f'the description of the net is damaged or of another version: {error}'
        ) from error
    if not isinstance(net, nn.Module):
        raise ValueError('the description of the net describes something else')
    return net


def pieces(made: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Tell the nets that a net holds as its fields, and they as theirs.

    Args:
        made: what `structure` gave.

    Yields:
        Path, such as 'small/net', and description; the whole net first, as ''.
    """
    yield '', made
    fields = made.get('container') or made.get('fields') or {}
    for name, field in fields.items():
        if isinstance(field, Mapping) and {'module', 'container'} & field.keys():
            shared = made.get('module') == 'dljax.models.Standardised'
            for path, inner in pieces(field):
                if not shared:  # else one path of parameters, that of the whole
                    yield '/'.join([name, *([path] if path else [])]), inner


def _described(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return {'unknown': 'what is nested too deeply'}
    if isinstance(value, np.number | np.bool_):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else {'float': repr(value)}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, tuple | list):
        return [_described(part, depth + 1) for part in value]
    if isinstance(value, Mapping):
        return {'mapping': {str(k): _described(v, depth + 1) for k, v in value.items()}}
    if isinstance(value, nn.Module):
        return _module(value, depth)
    if isinstance(value, np.ndarray | jax.Array) and value.size <= _LARGEST:
        return {'array': np.asarray(value).tolist(), 'type': value.dtype.name}
    if isinstance(value, functools.partial):
        return {
            'partial': _described(value.func, depth + 1),
            'arguments': _described(value.args, depth + 1),
            'keywords': _described(value.keywords, depth + 1)['mapping'],
        }
    return _named(value, depth)


def _named(value: Any, depth: int) -> Any:
    """Describe what goes by a name."""
    if (name := type_of(value)) is not None:
        return {'type': name}
    if (name := name_of(value)) is not None:
        return {'name': name}
    kind = name_of(type(value))
    if isinstance(value, enum.Enum) and kind:
        return {'enum': kind, 'member': value.name}
    if dataclasses.is_dataclass(value) and kind:
        return {'dataclass': kind, 'fields': _fields(value, depth)}
    own = value if hasattr(value, '__qualname__') else type(value)
    qualified = getattr(value, '__qualname__', type(value).__qualname__)
    return {'unknown': f'{own.__module__}.{qualified}'}


def _module(net: nn.Module, depth: int) -> dict[str, Any]:
    fields = _fields(net, depth)
    if _is_container(net):
        return {'container': fields}
    name = name_of(type(net))
    if name is None:
        own = f'{type(net).__module__}.{type(net).__qualname__}'
        return {'module': None, 'unknown': own, 'fields': fields}
    return {'module': name, 'fields': fields}


def _fields(thing: Any, depth: int) -> dict[str, Any]:
    found = {}
    for field in dataclasses.fields(thing):
        if field.init and field.name not in _LINEN:
            value = getattr(thing, field.name)
            if field.name.endswith('_init') and callable(value):
                continue
            made = _described(value, depth + 1)
            unknown = isinstance(made, dict) and 'unknown' in made
            if unknown and value is field.default:
                continue  # a function of Linen's own, which its class has anyway
            found[field.name] = made
    return found


def _is_container(net: nn.Module) -> bool:
    """Whether a class says nothing but which nets stand side by side."""
    cls = type(net)
    names = {f.name for f in dataclasses.fields(cls) if f.init} - {'parent', 'name'}
    nets = [getattr(net, name) for name in names]
    plain = vars(type(container(net=nn.Dense(1)))).keys() | names
    own = {
        name
        for name, thing in vars(cls).items()
        if name not in plain and (callable(thing) or isinstance(thing, property))
    }
    different = len({id(part) for part in nets}) == len(nets) > 0
    only_nets = all(isinstance(part, nn.Module) for part in nets)
    return cls.__bases__ == (nn.Module,) and only_nets and different and not own


def _value(made: Any, where: str, depth: int) -> Any:
    """Make a value again; everything that is no plain value names its kind."""
    if depth > _DEEPEST:
        raise ValueError(f'{where} is nested too deeply')
    if made is None or isinstance(made, bool | int | float | str):
        return made
    if isinstance(made, list):
        return tuple(_value(part, where, depth + 1) for part in made)
    if 'unknown' in made:
        raise ValueError(
            f'{where} is {made["unknown"]}, which is not of dljax, Linen or JAX: only '
            'the code of the run can make it. In Python give the net itself, net=...'
        )

    def all_of(fields: Mapping[str, Any]) -> dict[str, Any]:
        place = '' if where == 'the net' else f' of {where}'
        return {k: _value(v, f'{k}{place}', depth + 1) for k, v in fields.items()}

    match made:
        case {'module': name, 'fields': fields}:
            cls = look_up(name, where, nn.Module)
            return cls(**{**_initialisers(cls), **_of(cls, all_of(fields), where)})
        case {'container': fields}:
            return container(**_proper(all_of(fields)))
        case {'dataclass': name, 'fields': fields}:
            cls = look_up(name, where, object)
            kept = isinstance(cls, type) and dataclasses.is_dataclass(cls)
            if not kept or issubclass(cls, nn.Module):
                raise ValueError(f'{where} is {name}, which is no such class')
            return cls(**_of(cls, all_of(fields), where))
        case {'enum': name, 'member': member}:
            return look_up(name, where, enum.Enum)[member]
        case {'name': name}:
            return look_up(name, where)
        case {'partial': function, 'arguments': arguments, 'keywords': keywords}:
            function = _value(function, where, depth + 1)
            arguments = _value(arguments, where, depth + 1)
            return functools.partial(function, *arguments, **all_of(keywords))
        case {'array': numbers, 'type': name} if name in TYPES:
            return np.asarray(numbers, jnp.dtype(name))
        case {'type': name} if name in TYPES:
            return getattr(jnp, name)
        case {'float': text}:
            return float(text)
        case {'mapping': fields}:
            return all_of(fields)
    raise ValueError(f'{where} is described by {str(made)[:80]}, which says nothing')


def _of(cls: type, fields: dict[str, Any], where: str) -> dict[str, Any]:
    allowed = {f.name for f in dataclasses.fields(cls) if f.init} - set(_LINEN)
    if unexpected := sorted(fields.keys() - allowed):
        raise ValueError(
            f'{where}: {cls.__name__} has no {", ".join(unexpected)}; the run is of '
            'another version of dljax'
        )
    return fields


def _proper(nets: dict[str, Any]) -> dict[str, nn.Module]:
    for name, net in nets.items():
        fit = name.isidentifier() and not name.startswith('_')
        if not fit or hasattr(nn.Module, name) or not isinstance(net, nn.Module):
            raise ValueError(f'{name[:80]!r} is no name of a net in a container')
    return nets


def _initialisers(cls: type) -> dict[str, Any]:
    """Fill in initialisers that a class has no default for; they are never called."""
    return {
        field.name: nn.initializers.zeros
        for field in dataclasses.fields(cls)
        if field.name.endswith('_init') and field.default is dataclasses.MISSING
    }
