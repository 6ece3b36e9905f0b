"""Which checkpoints Orbax sees, and which it keeps for their metric."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orbax.checkpoint as ocp


class Best:
    """Preserve the checkpoint whose metric is best, and of equals the latest."""

    def __init__(self, metric: Callable[[int], float]) -> None:
        """Keep `metric(step)`: the larger, the better; minus infinity is none."""
        self.metric = metric

    def should_preserve(
        self, checkpoints: Sequence[Any], *, context: Any
    ) -> Sequence[bool]:
        """Tell which of the checkpoints to preserve."""
        ranks = [(self.metric(each.step), each.step) for each in checkpoints]
        best = max(ranks, default=None)
        return [pair == best and pair[0] > -math.inf for pair in ranks]


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
