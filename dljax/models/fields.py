"""The fields of a net: changed wherever they stand, and written as text."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from flax import linen as nn


def reconfigured(net: nn.Module, **settings: Any) -> nn.Module:
    """Change a setting in a net and in every module that it holds as a field.

    Args:
        net: a module, not bound.
        **settings: fields to set wherever a module has them.

    Returns:
        A changed copy.

    Example:
        >>> import jax.numpy as jnp
        >>> from flax import linen as nn
        >>> half = reconfigured(nn.Sequential([nn.Dense(2)]), dtype=jnp.bfloat16)
        >>> half.layers[0].dtype.__name__
        'bfloat16'
    """

    def changed(value: Any) -> Any:
        if isinstance(value, nn.Module):
            return reconfigured(value, **settings)
        if isinstance(value, tuple | list):
            return tuple(changed(part) for part in value)  # hashable, as a list is not
        if isinstance(value, Mapping):
            return {name: changed(part) for name, part in value.items()}
        return value

    fields = {f.name for f in dataclasses.fields(net) if f.init}
    fields -= {'parent', 'name'}
    changes = {name: changed(getattr(net, name)) for name in fields}
    changes |= {name: value for name, value in settings.items() if name in fields}
    return net.clone(**changes)


def describe(net: nn.Module) -> dict[str, str]:
    """Write a net's settings as text, by the path of each field."""
    rows = {'': type(net).__name__}
    for field in dataclasses.fields(net):
        if field.name in ('parent', 'name', 'axis_name') or not field.init:
            continue
        value = getattr(net, field.name)
        parts = value if isinstance(value, tuple | list) else [value]
        if any(isinstance(part, nn.Module) for part in parts):
            for index, part in enumerate(parts):
                inner = describe(part) if isinstance(part, nn.Module) else {'': part}
                prefix = field.name + (f'[{index}]' if part is not value else '')
                rows |= {
                    f'{prefix}.{name}'.rstrip('.'): str(text)
                    for name, text in inner.items()
                }
        else:
            name = getattr(value, '__qualname__', None)
            rows[field.name] = name or re.sub(r' at 0x[0-9a-f]+', '', repr(value))
    return rows
