"""Functions that make variants of one net take over the settings of its class."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from flax import linen as nn

Make = Callable[..., nn.Module]


def variant(
    net: type[nn.Module], fixed: tuple[str, ...] = (), **defaults: Any
) -> Callable[[Make], Make]:
    """Let a function `name(**settings)` have the settings of a net's class, but a few.

    So a dozen variants need not write out a dozen settings each, and yet `help`,
    `zoo.settings` and the command line tell them.

    Args:
        net: the class of what the function makes.
        fixed: its fields that the function decides upon, which are no settings of it.
        **defaults: of settings that differ from those of the class.

    Returns:
        A decorator of functions that take settings of their own, if any, and others by
        keyword. They raise TypeError for an unknown setting, with those allowed.

    Example:
        >>> @variant(nn.Dense, fixed=('features',), use_bias=False)
        ... def pair(**settings):
        ...     return nn.Dense(features=2, **settings)
        >>> pair(name='head').use_bias
        False
        >>> inspect.signature(pair).parameters['use_bias'].default
        False
    """
    inherited = [
        parameter.replace(
            kind=inspect.Parameter.KEYWORD_ONLY,
            default=defaults.get(name, parameter.default),
        )
        for name, parameter in inspect.signature(net).parameters.items()
        if name not in fixed
    ]

    def decorate(make: Make) -> Make:
        own = inspect.signature(make).parameters.values()
        own = [p for p in own if p.kind is not inspect.Parameter.VAR_KEYWORD]
        allowed = [parameter.name for parameter in (*own, *inherited)]

        @functools.wraps(make)
        def made(*arguments: Any, **settings: Any) -> nn.Module:
            for setting in settings:
                if setting not in allowed:
                    raise TypeError(
                        f'{make.__name__} has no setting {setting!r}; its settings '
                        f'are: {", ".join(allowed)}'
                    )
            return make(*arguments, **{**defaults, **settings})

        made.__signature__ = inspect.Signature(
            [*own, *inherited], return_annotation=net
        )
        return made

    return decorate
