"""Back to the last good checkpoint, and on with other batches."""

from typing import TYPE_CHECKING

import jax
import numpy as np

from dljax.runs.record import Records
from dljax.training.guard import NonFiniteError
from dljax.types import State

if TYPE_CHECKING:
    from dljax.runs.session import Session


def rolled_back(session: 'Session', error: NonFiniteError, first: State) -> bool:
    """Put a session back to its last checkpoint, with its source where it has come to.

    The batches since then are passed over, those that led out of the finite numbers
    among them. The rows of the records since then are dropped, as in a resumed run.

    Args:
        session: whose training left the finite numbers.
        error: that says where.
        first: the state to begin with, where there is no checkpoint yet.

    Returns:
        Whether it may go on; False where it is not asked for, has been done as often as
        is allowed, or where what the source itself holds is not finite.
    """
    if session.options.on_nan != 'rollback':
        return False
    limit, position = session.options.nan_limit, session.position
    if session.rollbacks == limit:
        error.args = (f'{error} ({limit} rollbacks have not helped)',)
        return False
    for leaf in jax.tree.leaves(position):
        if not np.isfinite(np.asarray(leaf, np.float64)).all():
            error.args = (f'{error} (and what the source holds is not finite)',)
            return False
    session.rollbacks += 1
    found = session.checkpoints.restore(session.state, position)
    session.step, session.state = (found.step, found.state) if found else (0, first)
    pending = found.notes.get('pending') if found else None
    session.pending = [{k: np.array(v) for k, v in pending.items()}] if pending else []
    session.records.close()
    session.records = Records(session.folder.path, step=session.step)
    session.say(
        f'rollback  to step {session.step}, {session.rollbacks} of {limit}, and on '
        f'with other batches: {error}'
    )
    return True
