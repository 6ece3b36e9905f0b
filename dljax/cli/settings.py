"""Settings of a model, as words of a command line."""

import ast
from collections.abc import Sequence
from typing import Any


def read_settings(words: Sequence[str]) -> dict[str, Any]:
    """Read settings of a model, NAME=VALUE.

    Args:
        words: one for each setting.

    Returns:
        The values by name.

    Raises:
        ValueError: for what is no setting.

    Example:
        >>> read_settings(['classes=3', 'hidden=(64, 32)'])
        {'classes': 3, 'hidden': (64, 32)}
    """
    chosen = {}
    for word in words:
        key, equals, value = word.partition('=')
        if not equals or not key.isidentifier():
            raise ValueError(f"'{word}' is no setting, wanted NAME=VALUE")
        if key in chosen:
            raise ValueError(f"'{key}' is set twice, wanted one value for it")
        try:
            chosen[key] = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise ValueError(
                f"'{value}' is no Python number, text or tuple; quote a text twice"
            ) from None
    return chosen
