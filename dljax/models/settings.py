"""What the settings of models have in common."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from dljax.layers.checks import check_fractions

Function = TypeVar('Function', bound=Callable[..., Any])


def settings_of(
    module: type, *without: str, **defaults: Any
) -> Callable[[Function], Function]:
    """Give a function that makes a module the settings of its class, but a few.

    So a row of the zoo, the command line and an editor know what `**settings` stands
    for, though it is written once.

    Args:
        module: a Linen module.
        *without: the fields that the function decides upon itself.
        **defaults: of settings that are not to have those of the class.

    Returns:
        A decorator of a function with `**settings` behind the arguments of its own, if
        any. It shows all of them in the signature and hands the defaults on.

    Example:
        >>> from flax import linen as nn
        >>> @settings_of(nn.Dropout, 'rate')
        ... def half_dropout(**settings):
        ...     return nn.Dropout(rate=0.5, **settings)
        >>> list(inspect.signature(half_dropout).parameters)
        ['broadcast_dims', 'deterministic', 'rng_collection']
        >>> half_dropout(deterministic=True).rate
        0.5
    """
    shown = [
        parameter.replace(
            kind=inspect.Parameter.KEYWORD_ONLY,
            default=defaults.get(name, parameter.default),
        )
        for name, parameter in inspect.signature(module).parameters.items()
        if name not in ('parent', 'name', *without)  # Linen adds the first two
    ]

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]

        @functools.wraps(function)
        def made(*arguments: Any, **settings: Any) -> Any:
            return function(*arguments, **{**defaults, **settings})

        whole = signature.replace(parameters=[*own, *shown])
        made.__signature__ = whole  # pyright: ignore[reportAttributeAccessIssue]
        return cast(Function, made)  # for whom it is called as the function is

    return decorate


def check_settings(
    classes: int, dropout: Mapping[str, float] | None = None, **sizes: int
) -> None:
    """Refuse settings of a classifier that are out of range.

    Args:
        classes: the number of logits.
        dropout: probabilities by the names of their settings.
        **sizes: numbers of units, channels, layers and the like, by their names.

    Raises:
        ValueError: for fewer than two classes, a size below 1, or a probability outside
            of [0, 1).

    Example:
        >>> check_settings(10, {'dropout': 0.5}, hidden=4096)
    """
    if classes < 2:
        raise ValueError(f'classes is {classes}, wanted at least 2')
    check_sizes(**sizes)
    check_fractions(**(dropout or {}))


def check_sizes(**sizes: int | Sequence) -> None:
    """Refuse numbers of units, channels, layers and the like that are below 1.

    Args:
        **sizes: by the names of their settings; tuples of sizes will do.

    Raises:
        ValueError: naming the setting and its value.

    Example:
        >>> check_sizes(width=8, hidden=(16, 32))
    """
    for name, size in sizes.items():
        if not np.all(np.asarray(size) >= 1):
            raise ValueError(f'{name} is {size}, wanted at least 1')


def check_square(shape: tuple[int, ...], multiple: int = 1) -> None:
    """Refuse the shape of an image that is no square.

    Args:
        shape: of the image, (height, width, channels).
        multiple: of which the side has to be one.

    Raises:
        ValueError: naming the shape.

    Example:
        >>> check_square((28, 28, 1), multiple=4)
    """
    square = len(shape) == 3 and shape[0] == shape[1] and min(shape) >= 1
    if not square or shape[0] % multiple:
        of = f', the side a multiple of {multiple}' if multiple > 1 else ''
        raise ValueError(
            f'shape is {shape}, wanted (side, side, channels) of a square{of}'
        )
