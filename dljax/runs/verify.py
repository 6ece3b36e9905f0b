"""Whether all that a run has left in its folder is whole."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from dljax.host import sealing
from dljax.host.sealing import Damaged
from dljax.runs import rows
from dljax.training import header as headers
from dljax.training import listing
from dljax.types import named_leaves
from dljax.weights import kept

PARTS = ('config.json', 'result.json', 'metrics.jsonl', 'checkpoints')


class Finding(NamedTuple):
    """What was found of one thing.

    Attributes:
        what: the thing, a path in the folder of the run.
        state: 'ok', 'damaged', 'missing', or 'note', which is nothing bad.
        why: what there is to say of it.
    """

    what: str
    state: Literal['ok', 'damaged', 'missing', 'note']
    why: str = ''

    @property
    def bad(self) -> bool:
        """Whether something is lost."""
        return self.state in ('damaged', 'missing')


def verify(path: str | Path) -> list[Finding]:
    """Check the folder of a run whole; nothing is changed.

    That is its configuration, result and records, every checkpoint with all its files,
    and the page, pictures and events of a run that has ended.

    Args:
        path: the folder.

    Returns:
        What was found, a line for each thing.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     verify(pathlib.Path(folder) / 'none')[0].why
        'there is no such folder'
    """
    path = Path(path)
    if not path.is_dir():
        return [Finding(str(path), 'missing', 'there is no such folder')]
    if not any((path / name).exists() for name in PARTS):
        return [Finding(str(path), 'missing', f'no run: none of {", ".join(PARTS)}')]
    config, settings = _document(path, 'config.json')
    document, result = _document(path, 'result.json')
    steps = headers.steps_in(path / 'checkpoints')
    ended = result.get('step', -1)
    ended = ended if isinstance(ended, int) else -1
    going = document.state == 'missing' and not (path / 'report.html').exists()
    if going:
        document = Finding('result.json', 'note', 'the run has not ended yet')
    elif document.state == 'ok' and max(steps, default=-1) > ended:
        going = True
        document = Finding('result.json', 'note', f'of step {ended}; it goes on since')
    return [
        config,
        document,
        _records(path, ended, going=going, sealed=sealing.SEAL in settings),
        *_checkpoints(path / 'checkpoints', steps),
        *_promised(path, steps, result, going),
    ]


def _document(path: Path, name: str) -> tuple[Finding, dict[str, Any]]:
    try:
        content = sealing.read(path / name)
    except FileNotFoundError:
        return Finding(name, 'missing'), {}
    except Damaged as error:
        return Finding(name, 'damaged', str(error)), {}
    former = '' if sealing.SEAL in content else 'by an earlier version, no checksum'
    return Finding(name, 'ok', former), content


def _records(path: Path, ended: int, *, going: bool, sealed: bool) -> Finding:
    name, place = 'metrics.jsonl', path / 'metrics.jsonl'
    if not place.exists():
        state = 'note' if going else 'missing'
        return Finding(name, state, 'no row yet' if going else '')
    try:
        found = rows.read(place)
        beside = rows.checksums(place)
        sums = beside.read_bytes().count(b'\n') if beside.exists() else None
    except OSError as error:
        return Finding(name, 'damaged', f'cannot be read: {error.strerror}')
    count = len(found.rows)
    if found.bad:
        lines = ', '.join(map(str, found.bad))
        why = f'not as written, or their checksum is not: line {lines}'
        return Finding(name, 'damaged', why)
    if found.missing > going:  # a kill may have cut off the last one
        return Finding(name, 'damaged', f'{found.missing} rows are missing')
    if sums is None and sealed and count:
        return Finding('metrics.crc32', 'missing')
    if sums is not None and sums < count:
        why = f'{count - sums} rows have no checksum'
        return Finding('metrics.crc32', 'damaged', why)
    if ended >= 0 and ended not in {row['step'] for row in found.rows}:
        return Finding(name, 'damaged', f'the row of step {ended} is missing')
    former = ', by an earlier version, no checksums' if sums is None else ''
    return Finding(name, 'ok', f'{count} rows{former}')


def _checkpoints(folder: Path, steps: list[int]) -> Iterator[Finding]:
    for step in steps:
        name = f'checkpoints/{step}'
        try:
            found = kept.whole(folder / str(step))
        except Damaged as error:
            yield Finding(name, 'damaged', str(error))
            continue
        sealed = sealing.SEAL in found.header
        changed = listing.changed_files(folder / str(step))
        if sealed and not (folder / str(step) / listing.FILES).exists():
            yield Finding(f'{name}/{listing.FILES}', 'missing')
        elif changed:
            why = f'its values are whole, but not {", ".join(changed[:5])}'
            yield Finding(name, 'damaged', why)
        else:
            yield Finding(name, 'ok', _said(found, sealed))
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for name in sorted(names - set(map(str, steps))):
        yield Finding(f'checkpoints/{name}', 'note', 'no checkpoint')


def _said(found: kept.Kept, sealed: bool) -> str:
    """Say what is odd in a checkpoint that is what was saved."""
    infinite = [
        name
        for name, leaf in named_leaves(found.tree['state']).items()
        if not np.isfinite(np.asarray(leaf, np.float64)).all()
    ]
    said = [] if sealed else ['by an earlier version, its header has no checksum']
    if infinite:
        said.append(f'saved with numbers that are not finite, in {infinite[0]}')
    return '; '.join(said)


def _promised(
    path: Path, steps: list[int], result: Mapping[str, Any], going: bool
) -> Iterator[Finding]:
    """Look for what the result says that there is."""
    best = result.get('best')
    told = {result.get('step'), best.get('step') if isinstance(best, dict) else None}
    for step in told - {None, *steps} if not going else ():
        yield Finding(f'checkpoints/{step}', 'missing', 'the result tells of it')
    if not steps:
        state = 'note' if going else 'missing'
        yield Finding('checkpoints', state, 'there is none')
    drawn = {'report.html': None} if result else {}
    for name, saved in result.get('files', drawn).items():
        if not (path / name).is_file():
            yield Finding(name, 'missing')
        elif saved and listing.file_hash(path / name) != saved:
            why = 'not what the result tells of'
            yield Finding(name, 'note' if going else 'damaged', why)
        else:
            yield Finding(name, 'ok')
