"""Stop a run whose numbers are no longer finite, and say where it happened."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from dljax.training.declaration import ranges
from dljax.types import State


class NonFiniteError(FloatingPointError):
    """A loss or a gradient became infinite or not a number.

    Attributes:
        step: the update in which it happened, counted from 0.
        player: whose turn it was, or None where only the state shows it.
        leaf: path of the first leaf of the state that is not finite, or None.
        advice: what to look for.

    Its message names, where they are known, the ranges of what was trained on: a label
    or an input out of range makes NaN, which no learning rate mends.
    """

    def __init__(
        self,
        step: int,
        player: str | None,
        leaf: str | None,
        member: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.step, self.player, self.leaf = step, player, leaf
        place = f'first in {leaf}' if leaf else 'the state itself is still finite'
        who = '' if member is None else f' of member {member}'
        what = f"the loss or gradient of player '{player}'{who} is not finite in"
        what = what if player else 'the state is not finite after'
        seen = f' ({found})' if data and (found := ranges(data)) else ''
        look = f'look for a label or an input out of range{seen}, or for a logarithm or'
        look += ' a division of zero'
        rate = 'lower the learning rate or clip the gradient (dljax.training.clipped)'
        # In the first update nothing has moved yet that a smaller rate would move less.
        self.advice = look if step == 0 else f'{look}; else {rate}'
        super().__init__(f'{what} update {step} ({place}): {self.advice}')


def require_finite(
    metrics: Mapping[str, np.ndarray],
    state: State,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Raise where any player's loss or gradient was not finite.

    Args:
        metrics: of successive updates: [updates, ...] host arrays with the 'finite'
            flag of each player.
        state: the state after the last of them, to name the step and the leaf.
        data: arrays by feature that it was trained on, to name their ranges, or None.

    Raises:
        NonFiniteError: for the earliest such update.
    """
    bad = {
        name.removesuffix('/finite'): np.argwhere(~flags)[0]
        for name, flags in metrics.items()
        if name.endswith('/finite') and not flags.all()
    }
    if bad:
        player, where = min(bad.items(), key=lambda item: item[1][0])
        member = int(where[1]) if len(where) > 1 else None
        leaf = first_non_finite(state)
        updates = len(metrics[f'{player}/finite'])
        step = int(np.max(state.step)) - updates + int(where[0])
        raise NonFiniteError(step, player, leaf, member, data)


def first_non_finite(state: State) -> str | None:
    """Name the first leaf with a value that is not finite: parameters come first."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        if not np.isfinite(np.asarray(leaf, np.float64)).all():
            return jax.tree_util.keystr(path, simple=True, separator='/')
    return None
