"""What is made of a run: scores, pictures, metrics and alarms, from its outcome."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import linen as nn

from dljax.training import with_averages
from dljax.types import Figures, HostBatch, PyTree, State

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the pictures of a run are drawn from.

    Attributes:
        net: as it was trained.
        state: its last state; of an ensemble, the first member's.
        members: the state of the whole ensemble, or the state itself.
        evaluation: the sets that it was evaluated on, by name.
        rows: the records, as in metrics.jsonl.
        latest: of the last row by metric, each member's value: [members], or a scalar.
    """

    net: nn.Module
    state: State
    members: State
    evaluation: Mapping[str, HostBatch]
    rows: list[dict[str, float]]
    latest: Figures = dataclasses.field(default_factory=dict)

    def apply(self, function: Callable[..., PyTree], *arguments: PyTree) -> PyTree:
        """Call `function(net, *arguments)` on the bound net, compiled."""
        variables = {'params': self.state.params, **self.state.collections}
        return _compiled(function, self.net, False)(variables, *arguments)

    def in_parts(
        self, function: Callable[..., PyTree], *arrays: np.ndarray, size: int = 250
    ) -> PyTree:
        """Call `function(net, *arrays)` on a part of the examples at once.

        Args:
            function: whose outputs have the examples as their first axis.
            *arrays: [example, ...] each.
            size: examples of a part; the last part is filled up, so that it compiles
                once.

        Returns:
            The outputs of all examples together, NumPy arrays.
        """
        count = len(arrays[0])
        size = min(size, count)
        rows = np.arange(-(-count // size) * size) % count
        parts = [
            self.apply(function, *(array[part] for array in arrays))
            for part in np.split(rows, len(rows) // size)
        ]
        return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:count], *parts)

    def each(self, function: Callable[..., PyTree], *arguments: PyTree) -> PyTree:
        """Call it on every member; all leaves have a first axis of [members].

        A run without an ensemble is one member.
        """
        state = self.members
        if np.ndim(state.step) == 0:
            state = jax.tree.map(lambda leaf: leaf[None], state)
        variables = {'params': state.params, **state.collections}
        return _compiled(function, self.net, True)(variables, *arguments)

    def averaged(self) -> 'Outcome':
        """Give the same outcome with the averages that `training.averaged` keeps.

        Raises:
            ValueError: where no player keeps an average.
        """
        return dataclasses.replace(
            self,
            state=with_averages(self.state),
            members=with_averages(self.members),
        )


def _compiled(function: Callable, net: nn.Module, mapped: bool) -> Callable:
    """Compile once what is called again and again along a training."""
    try:
        return _remembered(function, net, mapped)
    except TypeError:  # a net with a field that cannot be hashed, such as an array
        return _remembered.__wrapped__(function, net, mapped)


@functools.lru_cache(maxsize=64)
def _remembered(function: Callable, net: nn.Module, mapped: bool) -> Callable:
    call = nn.apply(function, net)
    if not mapped:
        return jax.jit(call)

    def each(variables: PyTree, *arguments: PyTree) -> PyTree:
        return jax.vmap(lambda variables: call(variables, *arguments))(variables)

    return jax.jit(each)


# What is shown of an outcome, a figure or a text; metrics of it as a whole, such as a
# distance between distributions, which no mean over examples gives, each a number or
# [members]; and what is wrong with it, in a sentence, if anything is.
Picture = Callable[[Outcome], 'Figure | str']
Measure = Callable[[Outcome], Figures]
Alarm = Callable[[Outcome], str | None]


def once(compute: Callable[[Outcome], Any]) -> Callable[[Outcome], Any]:
    """Compute something once for all that is measured and drawn of an outcome.

    Args:
        compute: `(outcome) -> value`.

    Returns:
        The same function, which remembers the value of the last outcome.
    """
    last: list[Any] = [None, None]

    def get(outcome: Outcome) -> Any:
        if last[0] is not outcome:
            last[:] = outcome, compute(outcome)
        return last[1]

    return get


def of_averages(function: Callable[[Outcome], Any]) -> Callable[[Outcome], Any]:
    """Let a picture, measure or alarm see the averages of `training.averaged`.

    Args:
        function: of an outcome.

    Returns:
        The same of `outcome.averaged()`.
    """

    def seen(outcome: Outcome) -> Any:
        return function(outcome.averaged())

    seen.of_averages = True
    return seen
