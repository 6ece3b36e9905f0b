"""dljax: the model families of a deep-learning course, trained by one engine."""

import importlib
from typing import TYPE_CHECKING, Any

from dljax.host.compiler import set_safe_flags
from dljax.host.version import __version__ as __version__

if TYPE_CHECKING:
    from dljax.experiment import Experiment as Experiment
    from dljax.runs.run import run as run
    from dljax.zoo import create_model as create_model
    from dljax.zoo import list_models as list_models

_HOMES = {
    'Experiment': 'dljax.experiment',
    'create_model': 'dljax.zoo',
    'list_models': 'dljax.zoo',
    'run': 'dljax.runs.run',
}
__all__ = ['Experiment', 'create_model', 'list_models', 'run']

set_safe_flags()


def __getattr__(name: str) -> Any:
    """Import what is asked for on first use, so that `import dljax` is immediate."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'dljax' has no attribute '{name}'")
