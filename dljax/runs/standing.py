"""Where a run stands: what its training has come to since it began."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from dljax.runs.assembly import Assembly
from dljax.training.checkpoint import Checkpoints
from dljax.training.guard import NonFiniteError
from dljax.types import Array, Figures, Position, State


@dataclasses.dataclass
class Standing:
    """What an update changes; a checkpoint holds it, and a rollback goes back to one.

    Attributes:
        step: updates made so far, in this session and those before it.
        state: the last state.
        position: where the source goes on.
        pending: metrics of the updates since the last row of the records.
        latest: scores and metrics of the last row, each member's by name.
        rollbacks: how often it went back to a checkpoint.
    """

    step: int
    state: State
    position: Position
    pending: list[Mapping[str, Array | np.ndarray]] = dataclasses.field(
        default_factory=list
    )
    latest: Figures = dataclasses.field(default_factory=dict)
    rollbacks: int = 0

    def restore(self, checkpoints: Checkpoints) -> Any:
        """Go back to the last checkpoint that is whole, with its pending metrics.

        Args:
            checkpoints: of the run.

        Returns:
            What was found, or None where there is none and nothing has changed.
        """
        found = checkpoints.restore(self.state, self.position)
        if found is not None:
            self.step, self.state = found.step, found.state
            self.position = found.position
            pending = found.notes.get('pending') or {}
            arrays = {name: np.array(values) for name, values in pending.items()}
            self.pending = [arrays] if arrays else []
        return found

    def roll_back(
        self, made: Assembly, checkpoints: Checkpoints, error: NonFiniteError
    ) -> bool:
        """Go back to the last checkpoint, with the source where it has come to.

        The batches since then are passed over, those that led out of the finite numbers
        among them.

        Args:
            made: whose options allow it, and how often.
            checkpoints: of the run.
            error: that says where the training left the finite numbers; what is in the
                way of going on is added to its words.

        Returns:
            Whether the training may go on; False where it is not asked for, has been
            done as often as is allowed, or where what the source itself holds is not
            finite.
        """
        if made.options.on_nan != 'rollback':
            return False
        limit, position = made.options.nan_limit, self.position
        if self.rollbacks == limit:
            error.args = (f'{error} ({limit} rollbacks have not helped)',)
            return False
        for leaf in jax.tree.leaves(position):
            if not np.isfinite(np.asarray(leaf, np.float64)).all():
                error.args = (f'{error} (and what the source holds is not finite)',)
                return False
        self.rollbacks += 1
        if self.restore(checkpoints) is None:
            self.step, self.pending = 0, []
            self.state = jax.jit(made.learner.init)(*made.first)
        self.position = position
        return True
