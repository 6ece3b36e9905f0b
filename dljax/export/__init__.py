"""Models as files that run without dljax: StableHLO of their inference."""

from dljax.export.artifact import export, load

__all__ = ['export', 'load']
