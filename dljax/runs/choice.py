"""Which folder a run takes that was given none."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dljax.runs.comparison import compare, differences
from dljax.runs.workdir import earlier, last_step

# Settings by which a run that has ended is another, though a run may go on under
# others.
SPREAD = ('devices', 'parallel', 'batch_statistics')


def folder_for(
    path: Path, config: Mapping[str, Any], steps: int, *, resume: bool
) -> tuple[Path, str | None]:
    """Find the folder of a run: the usual one, or NAME-2, NAME-3 and so on.

    It is the first that is free or holds a run of the same settings, so that repeating
    a command always comes back to its own.

    Args:
        path: the usual one.
        config: what the run is made from.
        steps: updates in all.
        resume: whether it would go on with what lies there.

    Returns:
        The folder, and why it is not the usual one.
    """
    others = (path.with_name(f'{path.name}-{n}') for n in itertools.count(2))
    reasons = []
    for candidate in itertools.chain([path], others):
        reason = _other_than(candidate, config, steps, resume)
        if reason is None:
            break
        reasons.append(reason)
    return candidate, reasons[0] if reasons else None


def _other_than(
    path: Path, config: Mapping[str, Any], steps: int, resume: bool
) -> str | None:
    """Say why a folder is not for this run, or nothing."""
    try:
        before = earlier(path, resume=resume)
    except ValueError as error:
        return str(error)
    if not before:
        return None
    ended = (path / 'result.json').exists()
    fixed, others = compare(before, config, ended=ended)
    found = [*fixed, *(line for line in others if line not in fixed)]
    if ended:
        found += [
            line
            for line in differences('options', before, config)
            if line[0].split('.')[1] in SPREAD
        ]
    if (step := last_step(path)) <= steps:
        found = [line for line in found if line[0] != 'arguments.steps']
    else:
        found.append(('step', step, steps))
    lines = '; '.join(f'{name}: there {a}, now {b}' for name, a, b in found)
    return f'{path} holds another run ({lines})' if found else None
