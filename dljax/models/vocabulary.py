"""The classes and functions that a description of a net may name, and no others."""

import functools
import importlib
import inspect
import pkgutil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

# Besides all of dljax.layers, dljax.models and jax.nn, and the modules of Linen.
_FUNCTIONS = {
    'jax.numpy': 'abs arctan cos cosh exp log1p maximum minimum sign sin sinh sqrt '
    'square tan tanh',
    'jax.random': 'bernoulli laplace logistic normal rademacher truncated_normal '
    'uniform',
    'flax.linen': 'avg_pool max_pool',
}
TYPES = (
    'bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 '
    'bfloat16 complex64 complex128'
).split()


def name_of(thing: Any) -> str | None:
    """Tell by which name a description writes a class or function.

    Args:
        thing: any object.

    Returns:
        The name, or None for what a description cannot name.

    Example:
        >>> name_of(nn.Dense), name_of(print)
        ('flax.linen.Dense', None)
    """
    return _names().get(id(thing))


def look_up(name: Any, where: str, kind: type | None = None) -> Any:
    """Look a name up in the list; nothing is imported, whatever the name is.

    Args:
        name: what `name_of` gave.
        where: of what it is the name, for the message.
        kind: of which the thing has to be a subclass; None for anything.

    Returns:
        The class or function.

    Raises:
        ValueError: for a name that is not on the list.

    Example:
        >>> look_up('dljax.models.LeNet5', 'the net', nn.Module).__name__
        'LeNet5'
    """
    found = _table().get(name) if isinstance(name, str) else None
    fits = kind is None or (inspect.isclass(found) and issubclass(found, kind))
    if found is None or not fits:
        raise ValueError(
            f'{where} is {str(name)[:80]!r}, which is nothing that a net of dljax, '
            'Linen or JAX is made of: the run is of another version, or damaged'
        )
    return found


def type_of(value: Any) -> str | None:
    """Tell the name of a type of numbers, or None for anything else.

    Args:
        value: any object.

    Example:
        >>> type_of(jnp.bfloat16), type_of(2)
        ('bfloat16', None)
    """
    scalar = isinstance(value, type(jnp.float32) | np.dtype) or (
        inspect.isclass(value) and issubclass(value, np.generic)
    )
    name = jnp.dtype(value).name if scalar else None
    name = 'bool_' if name == 'bool' else name
    return name if name in TYPES else None


@functools.cache
def _table() -> dict[str, Any]:
    """All that a description may name; ours by room, wherever in it the file is."""
    found = {
        f'jax.nn.{name}': thing
        for name, thing in vars(jax.nn).items()
        if not name.startswith('_') and callable(thing)
    }
    for module, names in _FUNCTIONS.items():
        room = importlib.import_module(module)
        found |= {f'{module}.{name}': getattr(room, name) for name in names.split()}
    found |= {
        f'flax.linen.{name}': thing
        for name, thing in vars(nn).items()
        if inspect.isclass(thing) and issubclass(thing, nn.Module)
    }
    found['jax.lax.Precision'] = jax.lax.Precision
    del found['flax.linen.Module']
    for room in ('dljax.layers', 'dljax.models'):
        package = importlib.import_module(room)
        found |= {
            f'{room}.{name}': thing
            for name in getattr(package, '__all__', ())
            if callable(thing := getattr(package, name))
        }
        folder = package.__path__
        for info in pkgutil.walk_packages(folder, f'{room}.'):
            module = importlib.import_module(info.name)
            found |= {
                f'{room}.{name}': thing
                for name, thing in vars(module).items()
                if not name.startswith('_')
                and callable(thing)
                and getattr(thing, '__module__', None) == info.name
            }
    return found


@functools.cache
def _names() -> dict[int, str]:
    # The first name counts where a thing has two, such as nn.relu.
    return {id(thing): name for name, thing in reversed(_table().items())}
