"""Learning rates that follow a schedule: read, and compared where a run goes on."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import optax

from dljax.training.player import Player
from dljax.types import PyTree

_UPDATE = 'scale_by_schedule.<locals>.update_fn'  # of Optax, in all that take schedules


def schedules(optimizer: optax.GradientTransformation) -> list[Callable]:
    """Find the schedules that an optimizer's updates are scaled by.

    Optax keeps them in closures, in which they are looked for; what scales its updates
    in another way has none here.

    Args:
        optimizer: any of Optax's, or a combination of them.

    Returns:
        Functions of the number of moves made; some give the rate with its sign turned.

    Example:
        >>> import optax
        >>> falling = optax.linear_schedule(0.1, 0.0, 10)
        >>> [round(abs(float(f(5))), 3) for f in schedules(optax.adam(falling))]
        [0.05]
        >>> schedules(optax.adam(0.1))
        []
    """
    return list(_found(optimizer.update, set()))


def _found(thing: Any, seen: set[int]) -> Iterator[Callable]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    parts: list[Any] = []
    if isinstance(thing, tuple | list):
        parts = list(thing)
    elif isinstance(thing, Mapping):
        parts = list(thing.values())
    elif isinstance(thing, functools.partial):
        parts = [thing.func, *thing.args, *thing.keywords.values()]
    elif inspect.ismethod(thing):
        parts = [thing.__func__, *vars(thing.__self__).values()]
    elif inspect.isfunction(thing):
        parts = [cell.cell_contents for cell in thing.__closure__ or () if _full(cell)]
        if thing.__qualname__ == _UPDATE:
            yield from (part for part in parts if callable(part))
            return
    for part in parts:
        yield from _found(part, seen)


def _full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  (an empty one raises)
    except ValueError:
        return False
    return True


def rates(
    players: Mapping[str, Player], opt_state: Mapping[str, PyTree], ahead: int = 0
) -> dict[str, list[float]]:
    """Tell the learning rates of the players whose rate follows a schedule.

    Args:
        players: by name.
        opt_state: likewise.
        ahead: moves from the last one made: 0 for its rate, 1 for that of the next.

    Returns:
        The rates of each player that has moved and has schedules.
    """
    found = {}
    for name, player in players.items():
        counts = [
            int(np.max(count))
            for _, count in optax.tree.get_all_with_path(opt_state[name], 'count')
        ]
        if counts and max(counts):
            moves = max(counts) - 1 + ahead
            each = [abs(float(f(moves))) for f in schedules(player.optimizer)]
            found |= {name: each} if each else {}
    return found


def compare(
    saved: Mapping[str, list[float]] | None,
    players: Mapping[str, Player],
    opt_state: Mapping[str, PyTree],
) -> list[str] | None:
    """Say whose schedule is not the one that a checkpoint was made under.

    Args:
        saved: `rates` when it was saved, if it tells.
        players: that go on.
        opt_state: of the checkpoint.

    Returns:
        A sentence for each player whose rate would have been another; None where the
        checkpoint does not tell.
    """
    if saved is None:
        return None
    lines = []
    was, now = rates(players, opt_state), rates(players, opt_state, ahead=1)
    for name in saved.keys() & was.keys():
        same = len(saved[name]) == len(was[name])
        if same and np.allclose(saved[name], was[name], rtol=1e-5, atol=0):
            continue
        before, after = saved[name], now[name]
        times = ''
        if len(before) == len(after) == 1 and before[0]:
            times = f', {after[0] / before[0]:.3g} times as much'
        lines.append(
            f"the schedule of '{name}' is another now: its learning rate was "
            f'{_written(before)} in the last update and is {_written(after)} in the '
            f'next{times}'
        )
    return sorted(lines)


def _written(values: list[float]) -> str:
    return ', '.join(f'{value:.3g}' for value in values)
