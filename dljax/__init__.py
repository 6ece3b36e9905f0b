"""dljax: the model families of a deep-learning course, trained by one engine."""

import importlib
from typing import TYPE_CHECKING, Any

from dljax.host.compiler import set_safe_flags
from dljax.host.version import __version__ as __version__

if TYPE_CHECKING:
    from dljax.zoo import create_model as create_model
    from dljax.zoo import list_models as list_models

__all__ = ['create_model', 'list_models']

set_safe_flags()


def __getattr__(name: str) -> Any:
    """Import the zoo on first use, so that `import dljax` itself stays immediate."""
    if name in __all__:
        return getattr(importlib.import_module('dljax.zoo'), name)
    raise AttributeError(f"module 'dljax' has no attribute '{name}'")
