"""Which model of the zoo a net is, and which settings it contradicts."""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from dljax import zoo
from dljax.models.rebuilding import structure
from dljax.models.standardised import Standardised

_TYPES = ('dtype', 'param_dtype')  # a matter of the run's precision


def bare(net: nn.Module) -> nn.Module:
    """Take the net out of its normalisation.

    Args:
        net: any module.

    Example:
        >>> net = Standardised(nn.Dense(2), (0.5,), (0.2,))
        >>> bare(net).features
        2
    """
    return bare(net.net) if isinstance(net, Standardised) else net


def is_model(name: str, net: nn.Module) -> bool:
    """Tell whether a net is one of a model of the zoo, with whatever settings.

    Args:
        name: of the model.
        net: any module, not in a normalisation.

    Returns:
        Whether the constructor of the row can make it, as far as can be told: it has
        the same classes in the same places, and differs in nothing but what the
        settings decide.

    Raises:
        ValueError: for an unknown model.

    Example:
        >>> net = zoo.create_model('resnet18', classes=3)
        >>> is_model('resnet18', net), is_model('resnet34', net)
        (True, False)
    """
    constructor = zoo.row(name).constructor
    if inspect.isclass(constructor):
        return type(net) is constructor
    if type(net) is not _class_of(name):
        return False
    like, own = zoo.create_model(name), _leaves(structure(net))
    theirs, free = _leaves(structure(like)), _governed(name)
    return all(own.get(path) == theirs.get(path) for path in {*own, *theirs} - free)


def model_of(net: nn.Module) -> str | None:
    """Tell the name of a model that a net is one of.

    Args:
        net: any module, not in a normalisation.

    Returns:
        The name: of a model that is a class before those that are made of it; or None.

    Example:
        >>> model_of(zoo.create_model('cgan', latent=3))
        'cgan'
    """
    found = [name for name in zoo.list_models() if is_model(name, net)]
    classes = [n for n in found if inspect.isclass(zoo.row(n).constructor)]
    # Of several, that which leaves the least open is the most telling.
    return min(classes or found, key=lambda name: len(_governed(name)), default=None)


def kin_of(net: nn.Module) -> list[str]:
    """List the models of a net's class, made by whatever constructor.

    Args:
        net: any module, not in a normalisation.

    Example:
        >>> kin_of(zoo.create_model('vae'))
        ['conditional_vae', 'convolutional_vae', 'vae']
    """
    return [n for n in zoo.list_models() if type(net) is _class_of(n)]


@functools.cache
def _class_of(name: str) -> type:
    return type(zoo.create_model(name))


def contradictions(name: str, net: nn.Module, chosen: Mapping[str, Any]) -> list[str]:
    """Tell which settings a net was not made with.

    Args:
        name: of the model.
        net: one of it.
        chosen: settings that it is said to have.

    Returns:
        A line each; settings that leave no trace in the net are believed.

    Raises:
        TypeError: for an unknown setting.
        ValueError: for one that cannot be.

    Example:
        >>> net = zoo.create_model('lenet5', classes=3)
        >>> contradictions('lenet5', net, {'classes': 10})
        ['classes is 3 in the run, given is 10']
    """
    given, own = (
        _leaves(structure(made)) for made in (zoo.create_model(name, **chosen), net)
    )
    lines = []
    for setting, value in chosen.items():
        traces = {setting} if setting in own else _traces(name, setting)
        for path in sorted(traces & {*own, *given}):
            if own.get(path) != given.get(path):
                there = own.get(path) if path == setting else f'{path} {own.get(path)}'
                lines.append(f'{setting} is {there} in the run, given is {value}')
                break
    return lines


def _leaves(made: Mapping[str, Any], path: str = '') -> dict[str, Any]:
    """Give what a description says of each field and each class, by path."""
    found = {f'{path}class': made.get('module') or made.get('unknown')}
    for name, field in (made.get('container') or made.get('fields') or {}).items():
        nested = isinstance(field, Mapping) and {'module', 'container'} & field.keys()
        if nested:
            found |= _leaves(field, f'{path}{name}/')
        elif name not in _TYPES:
            found[f'{path}{name}'] = field
    return found


@functools.cache
def _governed(name: str) -> frozenset[str]:
    """Tell what the settings of a model decide."""
    return frozenset().union(*(_traces(name, setting) for setting in _settings(name)))


@functools.cache
def _settings(name: str) -> dict[str, Any]:
    return {k: v.default for k, v in zoo.settings(name).items()}


@functools.cache
def _traces(name: str, setting: str) -> frozenset[str]:
    """Tell what changes in a net when one of its settings does."""
    like = _leaves(structure(zoo.create_model(name)))
    found = {setting} & like.keys()
    for other in _others(_settings(name)[setting]):
        try:
            made = _leaves(structure(zoo.create_model(name, **{setting: other})))
        except (TypeError, ValueError, AttributeError):
            continue
        found |= {p for p in {*like, *made} if like.get(p) != made.get(p)}
    return frozenset(found)


def _others(value: Any) -> tuple[Any, ...]:
    """Think of values that a setting might have as well."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, float):
        return 2 * value, value / 2, 0.25  # a fraction, too
    if isinstance(value, int):
        return 2 * value, 1, value + 1, value + 6  # a depth can be one of 6 n + 2
    if isinstance(value, tuple):
        return value * 2, value[:1], tuple(_others(part)[0] for part in value)
    return (None, 1, 0.5, True, jnp.tanh)
