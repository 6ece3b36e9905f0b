"""What the checkpoints of a run hold, read without its experiment."""

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

from dljax.host import sealing
from dljax.host.sealing import Damaged
from dljax.training import header as headers
from dljax.types import PyTree
from dljax.weights.checkpoint import from_orbax


class Kept(NamedTuple):
    """A checkpoint that is whole.

    Attributes:
        step: updates made.
        header: what it says about itself: 'notes', 'metrics', 'shapes' and so on.
        tree: the 'state' and the 'position', as dictionaries of NumPy arrays.
    """

    step: int
    header: dict[str, Any]
    tree: PyTree


def load(workdir: str | Path, which: str | int = 'last') -> Kept:
    """Read a checkpoint of a run.

    One that is damaged is passed over, with a warning, for the next last or next best.

    Args:
        workdir: the folder of the run.
        which: 'last', 'best' by the metric that the run chose it by, or a step.

    Returns:
        The checkpoint.

    Raises:
        ValueError: where there is no such checkpoint, or the one that was asked for by
            its number is damaged; those that are whole are named.
    """
    folder = Path(workdir) / 'checkpoints'
    steps = headers.steps_in(folder)
    if not steps:
        raise ValueError(f'{folder} holds no checkpoint, wanted the folder of a run')
    if which == 'last':
        candidates = steps[::-1]
    elif which == 'best':
        candidates = _ranked(folder, steps)
    elif which in steps:
        candidates = [int(which)]
    else:
        raise ValueError(f'which={which!r}, wanted last, best or one of {steps}')
    reasons = {}
    for step in candidates:
        try:
            found = whole(folder / str(step))
        except Damaged as error:
            reasons[step] = str(error)
            if isinstance(which, str):
                headers.warn_passed_over(step, error)
            continue
        headers.warn_unsealed(found.header, folder / str(step))
        return found
    others = [step for step in steps if step not in reasons and _is_whole(folder, step)]
    said = '; '.join(
        f'checkpoint {step} is damaged: {reasons[step]}' for step in reasons
    )
    raise ValueError(f'{said}; of {workdir} these are whole: {others}')


def whole(folder: Path) -> Kept:
    """Read a checkpoint, and hold it against its checksums.

    Args:
        folder: of the checkpoint.

    Returns:
        The checkpoint.

    Raises:
        Damaged: where it is not what was saved.
    """

    def restore() -> PyTree:
        try:
            return from_orbax(folder / 'tree')
        except ValueError as error:
            raise Damaged(f'{folder.name}/tree: {error}') from None

    return Kept(int(folder.name), *headers.restore_checked(folder, restore))


def read_config(workdir: Path) -> tuple[int, dict[str, Any]] | None:
    """Read what the last checkpoint that can be read tells of the run.

    Args:
        workdir: the folder of the run.

    Returns:
        The step, and the configuration of the run; or None.
    """
    folder = workdir / 'checkpoints'
    for step in headers.steps_in(folder)[::-1]:
        with contextlib.suppress(Damaged):
            header = headers.read(folder / str(step))
            if sealing.SEAL in header and header['notes'].get('config'):
                return step, header['notes']['config']
    return None


def _ranked(folder: Path, steps: list[int]) -> list[int]:
    """Sort checkpoints by the metric that the run chose the best by."""
    found = {}
    for step in steps:
        try:
            found[step] = headers.read(folder / str(step))
        except Damaged as error:
            headers.warn_passed_over(step, error)
    if not found:
        raise ValueError(f'every checkpoint in {folder} is damaged (steps {steps})')
    best = found[max(found)]['notes'].get('config', {}).get('best')
    if not best:
        raise ValueError(f"{folder.parent} keeps no best checkpoint: take 'last'")
    metric, maximize = best['metric'], best['maximize']
    ranks = [
        (headers.rank(header['metrics'].get(metric), maximize), step)
        for step, header in found.items()
    ]
    ranked = headers.order(ranks)
    if not ranked:
        raise ValueError(
            f"{folder.parent} keeps no best checkpoint, since '{metric}' is finite in "
            f"none of those that can be read ({list(found)}): take 'last'"
        )
    return ranked


def _is_whole(folder: Path, step: int) -> bool:
    try:
        whole(folder / str(step))
    except Damaged:
        return False
    return True
