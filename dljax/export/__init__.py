"""Models as files that run without dljax: StableHLO of their inference."""

from dljax.export.artifact import export
from dljax.export.reading import load

__all__ = ['export', 'load']
