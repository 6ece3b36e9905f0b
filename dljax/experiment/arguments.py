"""The numbers that an experiment is made from, checked by what their names promise."""

import math
from collections.abc import Mapping
from typing import Any

# Whole numbers of which there is at least one, wherever an experiment has them.
_SIZES = frozenset(
    'batch_size code columns hidden history horizon latent members rows size steps '
    'units wide width window windows'.split()
)
_SHARES = frozenset(('dropout', 'momentum', 'average'))  # in [0, 1)
_AMOUNTS = frozenset(('weight_decay', 'penalty', 'ridge'))  # at least 0


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of an experiment that no experiment has a meaning for.

    A learning rate of 0 is legal: it leaves a part as it is. A rate that is handed to
    Optax by hand is a closure there, and nobody can see it.

    Args:
        arguments: by name; those of other names, and None, pass, but for numbers that
            are not a number.

    Raises:
        ValueError: for a rate or an amount that is negative or infinite, a fraction out
            of [0, 1), a size below 1, and for NaN.

    Example:
        >>> check_arguments({'learning_rate': 1e-3, 'batch_size': 32, 'hidden': (8, 8)})
    """
    for name, value in arguments.items():
        for number in value if isinstance(value, list | tuple) else (value,):
            if isinstance(number, bool) or not isinstance(number, int | float):
                continue
            if wanted := _fault(name, number):
                raise ValueError(
                    f'{name}={value}, wanted {wanted}: correct --'
                    f'{name.replace("_", "-")}'
                )


def _fault(name: str, number: int | float) -> str | None:
    """Say what is wanted in the place of a number, if it will not do."""
    ending = name.rpartition('_')[2]
    if math.isnan(number):
        return 'a number'
    if ending == 'rate':
        return None if 0 <= number < math.inf else 'a rate of 0 or more'
    if name in _AMOUNTS:
        return None if 0 <= number < math.inf else 'a number of 0 or more'
    if ending in _SHARES:
        return None if 0 <= number < 1 else 'a number in [0, 1)'
    if name in _SIZES and isinstance(number, int):
        return None if number >= 1 else '1 or more'
    return None
