"""What a run has learnt, read out of its folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dljax.training import member
from dljax.training.checkpoint import digest
from dljax.types import PyTree, named_leaves
from dljax.weights.checkpoint import from_orbax


def from_run(
    workdir: str | Path, which: str | int = 'last', *, index: int = 0
) -> dict[str, PyTree]:
    """Read the variables out of a checkpoint of a run, without its experiment.

    Args:
        workdir: the folder of the run.
        which: 'last', 'best' by the metric that the run chose it by, or a step.
        index: the member to take, where the run was an ensemble.

    Returns:
        Parameters and every other collection, NumPy arrays: the `start` of another
        training, or variables to apply or to save.

    Raises:
        ValueError: where there is no such checkpoint, it is damaged, or the run has no
            best one or no such member.
    """
    folder = Path(workdir) / 'checkpoints'
    headers = _headers(folder)
    step = _step(folder, headers, which)
    header = headers[step]
    tree = from_orbax(folder / str(step) / 'tree')
    leaves = named_leaves(tree)
    saved = header['shapes']
    if leaves.keys() != saved.keys() or (
        digest({name: leaves[name] for name in saved}) != header['sha256']
    ):
        raise ValueError(
            f'checkpoint {step} of {workdir} is damaged: its values are not those that '
            f'were saved; the others are {[s for s in headers if s != step]}'
        )
    state = tree['state']
    variables = {'params': state['params'], **state['collections']}
    members = header['notes'].get('config', {}).get('options', {}).get('members', 1)
    if not 0 <= index < members:
        raise ValueError(f'index={index}, but {workdir} has {members} member(s)')
    return member(variables, index) if members > 1 else variables


def _headers(folder: Path) -> dict[int, dict[str, Any]]:
    """Read what each whole checkpoint says about itself, earliest first."""
    found = {}
    if folder.is_dir():
        steps = sorted(
            int(path.name) for path in folder.iterdir() if path.name.isdigit()
        )
        for step in steps:
            path = folder / str(step) / 'header/metadata'
            try:
                header = json.loads(path.read_text())
                found[step] = {
                    name: header[name]
                    for name in ('shapes', 'sha256', 'metrics', 'notes')
                }
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f'checkpoint {step} is damaged: {path}, {error}'
                ) from error
    if not found:
        raise ValueError(f'{folder} holds no checkpoint, wanted the folder of a run')
    return found


def _step(folder: Path, headers: Mapping[int, Mapping], which: str | int) -> int:
    if which == 'last':
        return max(headers)
    if which == 'best':
        config = headers[max(headers)]['notes'].get('config', {})
        best = config.get('best') or {}
        ranked = [
            ((value if best['higher'] else -value), step)
            for step, header in headers.items()
            if best
            and np.isfinite(value := header['metrics'].get(best['metric'], np.nan))
        ]
        if not ranked:
            raise ValueError(f"{folder.parent} keeps no best checkpoint: take 'last'")
        return max(ranked)[1]
    if which not in headers:
        raise ValueError(
            f'which={which!r}, wanted last, best or one of {list(headers)}'
        )
    return int(which)
