"""Where a source goes on when a training does."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from dljax.types import (
    Array,
    Batch,
    Key,
    Metrics,
    Position,
    PyTree,
    State,
    named_leaves,
)

Update = Callable[[Key, State, Batch], tuple[State, Metrics]]


def begin_at(
    position: Position | None, state: State | None, first: Position
) -> Position:
    """Choose where a source begins: where it was told, where the state was, or afresh.

    Args:
        position: as told, or None.
        state: to go on from, or None; `fit` leaves the position in it.
        first: the source's own first position.

    Returns:
        The position.

    Raises:
        ValueError: for a position of another form than the source's own.

    Example:
        >>> begin_at(None, None, 0), begin_at(3, None, 0)
        (0, 3)
    """
    if position is None and state is not None:
        position = state.position
    if position is None:
        return first
    alike = jax.tree.structure(position) == jax.tree.structure(first)
    got, wanted = _form(position), _form(first)
    if not alike or got != wanted:
        raise ValueError(
            f'the position to go on from is {got}, but this source has {wanted}: it '
            'comes from another source. Go on with that one, or begin this one afresh '
            'with fit(..., state=state.replace(position=None))'
        )
    return position


def passed_by(update: Update) -> Update:
    """Let an update that knows all leaves of a state not see the position in it."""

    def around(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        moved, metrics = update(key, state.replace(position=None), batch)
        return moved.replace(position=state.position), metrics

    return around


@struct.dataclass
class Stored:
    """A state as it lies on disk, where the position stands beside it."""

    step: Array
    params: dict[str, PyTree]
    collections: dict[str, PyTree]
    opt_state: dict[str, PyTree]

    @classmethod
    def of(cls, state: State) -> 'Stored':
        """Leave the position out."""
        return cls(state.step, state.params, state.collections, state.opt_state)

    def state(self) -> State:
        """Give it back as what is trained."""
        return State(self.step, self.params, self.collections, self.opt_state)


def _form(position: Position) -> str:
    leaves = {
        name: f'{jnp.result_type(leaf).name}{list(np.shape(leaf))}'
        for name, leaf in named_leaves(position).items()
    }
    return ', '.join(f'{name} {form}'.strip() for name, form in leaves.items()) or '{}'
