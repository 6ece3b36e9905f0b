"""The nouns of an experiment: what is trained, what it is told, what it comes to.

Each is imported on first use, so that options can be read without JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dljax.experiment.experiment import Experiment
    from dljax.experiment.options import Options
    from dljax.experiment.outcome import (
        Alarm,
        Measure,
        Outcome,
        Picture,
        of_averages,
        once,
    )
    from dljax.experiment.report import Report

_HOMES = {
    'Experiment': 'experiment',
    'Options': 'options',
    'Report': 'report',
    'Alarm': 'outcome',
    'Measure': 'outcome',
    'Outcome': 'outcome',
    'Picture': 'outcome',
    'of_averages': 'outcome',
    'once': 'outcome',
}
__all__ = [
    'Alarm',
    'Experiment',
    'Measure',
    'Options',
    'Outcome',
    'Picture',
    'Report',
    'of_averages',
    'once',
]


def __getattr__(name: str) -> Any:
    """Import a noun on first use."""
    if name in _HOMES:
        home = importlib.import_module(f'dljax.experiment.{_HOMES[name]}')
        return getattr(home, name)
    raise AttributeError(f"module 'dljax.experiment' has no attribute '{name}'")
