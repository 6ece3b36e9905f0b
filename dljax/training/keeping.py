"""Which checkpoints Orbax sees, and which it keeps for their figure."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orbax.checkpoint as ocp


class Best:
    """Preserve the checkpoint whose figure is best, and of equals the latest."""

    def __init__(self, figure: Callable[[int], float]) -> None:
        """Keep `figure(step)`: the larger, the better; minus infinity is none."""
        self.figure = figure

    def should_preserve(
        self, checkpoints: Sequence[Any], *, context: Any
    ) -> Sequence[bool]:
        """Tell which of the checkpoints to preserve."""
        figures = [(self.figure(each.step), each.step) for each in checkpoints]
        best = max(figures, default=None)
        return [pair == best and pair[0] > -math.inf for pair in figures]


class Folders:
    """Name checkpoints by their steps, and take nothing but folders for one."""

    def __init__(self) -> None:
        """Start from Orbax's own names."""
        self.standard = ocp.path.step.standard_name_format()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.standard, name)

    def find_all(self, base_path: Any) -> Iterator[Any]:
        """Find the checkpoints that lie in a folder."""
        found = self.standard.find_all(base_path)
        return (step for step in found if step.path.is_dir())
