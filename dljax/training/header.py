"""What a checkpoint says about itself, with a checksum.

`header/metadata` in the folder of a checkpoint holds all that is read back beside the
arrays, and a SHA-256 of both; a restore believes nothing else.
"""

import hashlib
import json
import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from dljax.host.sealing import SEAL, Damaged, add_seal, json_object, seal
from dljax.training.listing import changed_files, require_files
from dljax.types import PyTree, named_leaves

_FORMER = {'notes': dict, 'shapes': dict, 'sha256': str, 'metrics': dict}
_FORM = {**_FORMER, 'step': int, 'unread': list}


def steps_in(folder: Path) -> list[int]:
    """List what is named as a checkpoint is, whole or not, earliest first."""
    if not folder.is_dir():
        return []
    names = (path.name for path in folder.iterdir())
    return sorted(int(name) for name in names if re.fullmatch('0|[1-9][0-9]*', name))


def make_header(
    step: int, tree: PyTree, metrics: Mapping[str, float], notes: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the header of a checkpoint, as JSON will give it back.

    Args:
        step: updates made.
        tree: the arrays that are saved.
        metrics: numbers to keep beside them.
        notes: anything else that JSON holds.

    Returns:
        The header, sealed.
    """
    leaves = named_leaves(tree)
    header = {
        'notes': dict(notes),
        'shapes': shapes(tree),
        'sha256': digest(leaves),
        'metrics': dict(metrics),
        'step': step,
        'unread': [name for name, leaf in leaves.items() if not _readable(leaf)],
    }
    header = json.loads(json.dumps(header))
    return add_seal(header)


def read(folder: Path) -> dict[str, Any]:
    """Read the header of a checkpoint.

    Args:
        folder: of the checkpoint, named by its step.

    Returns:
        The header. One that was saved before headers had a seal comes without 'seal'.

    Raises:
        Damaged: where it is missing, or is not the one that was saved there.
    """
    place = f'{folder.name}/header/metadata'
    try:
        header = json_object(folder / 'header/metadata', place)
    except FileNotFoundError as error:
        raise Damaged(f'{place}: {error.strerror}') from None
    if header.keys() == _FORMER.keys():
        form = _FORMER
    elif header.keys() != {*_FORM, SEAL}:
        odd = sorted(header.keys() ^ {*_FORM, SEAL})
        raise Damaged(f'{place} lacks or has beyond what a header has: {odd}')
    elif header[SEAL] != seal(header):
        raise Damaged(f'{place} is not what was saved')
    else:
        form = _FORM
        if header['step'] != int(folder.name):
            raise Damaged(f'{place} is that of step {header["step"]}')
    for name, kind in form.items():
        if not isinstance(header[name], kind):
            raise Damaged(f'{place}: {name} is {header[name]!r:.40}')
    return header


def restore_checked(
    folder: Path,
    restore: Callable[[], PyTree],
    wanted: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], PyTree]:
    """Read a checkpoint, and hold it against its checksums.

    Args:
        folder: of the checkpoint, named by its step.
        restore: reads the arrays, once their files are known to be whole.
        wanted: types and shapes of the state to restore, where that is known.

    Returns:
        The header, and what was restored.

    Raises:
        Damaged: where it is not what was saved.
        ValueError: where it was saved by another model.
    """
    header = read(folder)
    if wanted is not None:
        require_same_form(header['shapes'], wanted, int(folder.name))
    require_files(folder)
    tree = restore()
    require_saved(folder, header, tree)
    return header, tree


def warn_unsealed(header: Mapping[str, Any], folder: Path) -> None:
    """Warn of a checkpoint whose notes and metrics nothing can be held against."""
    if SEAL not in header:
        warnings.warn(
            f'{folder} was saved by an earlier version: its values are those that were '
            'saved, but nothing tells whether its notes and metrics are',
            RuntimeWarning,
            stacklevel=4,
        )


def warn_passed_over(step: int, error: Damaged) -> None:
    """Warn of a checkpoint that is damaged, in place of which another one is read."""
    warnings.warn(
        f'checkpoint {step} is damaged and is passed over: {error}',
        RuntimeWarning,
        stacklevel=4,
    )


def require_same_form(
    saved: Mapping[str, str], wanted: Mapping[str, str], step: int
) -> None:
    """Refuse a checkpoint of another model.

    Args:
        saved: types and shapes, as a header tells them.
        wanted: those of the state to restore.
        step: of the checkpoint.

    Raises:
        ValueError: which names the leaves that differ, and both forms.
    """
    names = [n for n in {**saved, **wanted} if saved.get(n) != wanted.get(n)]
    if names:
        lines = [
            f'  {n}: saved {saved.get(n, "nothing")}, now {wanted.get(n, "nothing")}'
            for n in names[:5]
        ]
        more = f'\n  and {len(names) - 5} more' if len(names) > 5 else ''
        raise ValueError(
            f'checkpoint {step} was saved by another model, optimizer or source:\n'
            + '\n'.join(lines)
            + f'{more}\nUse the same settings, --no-resume, or another --workdir'
        )


def require_saved(folder: Path, header: Mapping[str, Any], tree: PyTree) -> None:
    """Refuse arrays that are not those that a header tells of.

    Args:
        folder: of the checkpoint.
        header: of it, as `read` gives it.
        tree: what was restored; as dictionaries, or as it was saved.

    Raises:
        Damaged: where they are not.
    """
    leaves = named_leaves(tree)
    saved, unread = header['shapes'], header.get('unread', [])
    if leaves.keys() == saved.keys() and shapes(tree) == saved:
        known = {name: leaves[name] for name in saved if name not in unread}
        same = digest(known) == header['sha256']
        if same and not (unread and changed_files(folder)):
            return
    raise Damaged(f'{folder.name}/tree: its values are not those that were saved')


def rank(value: object, maximize: bool) -> float:
    """Turn a metric into a rank: the larger, the better.

    Args:
        value: the metric, if it is one.
        maximize: whether larger metrics are better.

    Returns:
        The rank; minus infinity of what is no finite number.
    """
    if not isinstance(value, int | float) or not math.isfinite(value):
        return -math.inf
    return value if maximize else -value


def order(ranks: Iterable[tuple[float, int]]) -> list[int]:
    """Sort steps by their ranks, the best first, then the latest.

    Args:
        ranks: rank and step of each.

    Returns:
        The steps, without those of no finite metric.
    """
    return [step for rank, step in sorted(ranks)[::-1] if math.isfinite(rank)]


def shapes(tree: PyTree) -> dict[str, str]:
    """Write the type and shape of every leaf, such as 'float32[2, 3]'."""
    return {
        name: f'{jnp.result_type(leaf).name}{list(np.shape(leaf))}'
        for name, leaf in named_leaves(tree).items()
    }


def digest(leaves: Mapping[str, PyTree]) -> str:
    """Hash the values that this process can read whole, by name and in their order."""
    hashed = hashlib.sha256()
    for name, leaf in leaves.items():
        if _readable(leaf):
            hashed.update(name.encode())
            hashed.update(np.ascontiguousarray(leaf).tobytes())
    return hashed.hexdigest()


def _readable(leaf: PyTree) -> bool:
    return getattr(leaf, 'is_fully_addressable', True) or leaf.is_fully_replicated
