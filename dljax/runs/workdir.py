"""The folder of a run: what it holds, and whether a resume fits it."""

import contextlib
import itertools
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dljax.host import processes, sealing
from dljax.host.lock import locked
from dljax.runs.comparison import compare
from dljax.training.header import steps_in
from dljax.weights import kept


class Workdir:
    """The folder of a run, and what it says about an earlier one.

    Attributes:
        path: the folder.
        result: of a run that has ended here before, or None.
        changed: the arguments that differ from those of the earlier run.
        config: what config.json holds now.
        aside: where an earlier run was moved to, or None.
    """

    def __init__(self, path: Path, config: dict[str, Any], *, resume: bool) -> None:
        """Open or make the folder, and refuse to go on as another run.

        Args:
            path: the folder.
            config: with 'model', 'arguments' and 'options'.
            resume: whether to go on with what lies there. Otherwise an earlier run is
                moved aside, to PATH.1 and so on; nothing is deleted.

        Raises:
            ValueError: where the earlier run differs in what cannot change: the model,
                the seed, the members, the precision; or, once it has ended, in any
                argument but the number of steps, or in arguments that are not known.
                Both values are named. Also where something else than a run lies there.
        """
        self.path, self.config = path, config
        self.result: dict[str, Any] | None = None
        self.changed: list[str] = []
        self.aside: Path | None = None
        before = earlier(path, resume=resume)
        if before is not None and not resume:
            self.aside = next(
                other
                for number in itertools.count(1)
                if not (other := path.with_name(f'{path.name}.{number}')).exists()
            )
            path.rename(self.aside)
        elif before is not None:
            self.result = _result(path / 'result.json')
            fixed, others = compare(before, config, ended=self.result is not None)
            if fixed:
                lines = '\n'.join(f'  {n}: there {a}, now {b}' for n, a, b in fixed)
                raise ValueError(
                    f'{path} holds another run:\n{lines}\nUse the same settings, '
                    '--no-resume to start afresh (the old run is moved aside), or '
                    'another --workdir'
                )
            self.changed = [f'{n}: {a} -> {b}' for n, a, b in others]
            if changes := before.get('changes'):
                self.config = {**config, 'changes': changes}
        path.mkdir(parents=True, exist_ok=True)
        if before is None or self.aside:
            self.keep_config()  # or nobody would know the folder for one of ours

    def note(self, step: int, found: list[str] | None) -> list[str]:
        """Keep in the configuration what has changed where the run goes on.

        Args:
            step: where it does.
            found: which schedules have, or None where that is not known.

        Returns:
            All that has changed, a line each.
        """
        steps = any(line.startswith('arguments.steps:') for line in self.changed)
        if found is None:
            found = ['what a schedule makes of the steps has changed too'] * steps
        lines = [*self.changed, *found]
        if lines:
            changes = [*self.config.get('changes', []), {'step': step, 'now': lines}]
            self.config = {**self.config, 'changes': changes}
        return lines

    def keep_config(self) -> None:
        """Write config.json, once it is certain that the run goes on as it says."""
        write_sealed(self.path / 'config.json', self.config)


def earlier(path: Path, *, resume: bool = True) -> dict[str, Any] | None:
    """Read what an earlier run in a folder was made from.

    Args:
        path: the folder.
        resume: whether that run is to go on; otherwise damage does not matter.

    Returns:
        Its configuration; empty where it is lost and need not be known. None where
        nothing has begun: there is no folder, nothing but hidden files in it, or a
        configuration of ours and neither a row nor a checkpoint.

    Raises:
        ValueError: for a folder with something else in it, which is named; or with a
            run whose configuration is lost, where it is to go on.
    """
    names, saved = _visible(path), _visible(path / 'checkpoints')
    steps = steps_in(path / 'checkpoints')
    config = problem = None
    try:
        config = read_json(path / 'config.json')
    except ValueError as error:
        problem = str(error)
    if config is not None and _is_ours(config):
        rows = path / 'metrics.jsonl'
        begun = steps or 'result.json' in names
        return config if begun or (rows.exists() and rows.stat().st_size) else None
    if steps and not resume:
        return {}
    if problem and (told := kept.read_config(path)):
        warnings.warn(
            f'{problem}; what checkpoint {told[0]} says of the run is taken instead',
            RuntimeWarning,
            stacklevel=2,
        )
        return told[1]
    if steps:
        lost = problem or f'{path} holds checkpoints but no config.json of a run'
        raise ValueError(
            f'{lost}, which says of what run: --no-resume moves it aside, or choose '
            'another --workdir'
        )
    names += [f'checkpoints/{name}' for name in saved]
    if names and names != ['checkpoints']:
        shown = ', '.join(names[:5]) + f' and {len(names) - 5} more' * (len(names) > 5)
        raise ValueError(
            f'{path} holds {shown}, which no run of ours has left, wanted an empty '
            'folder, one that is not there, or that of a run: choose another --workdir'
        )
    return None


def last_step(path: Path) -> int:
    """Tell which step of a run was saved last; 0 where none was."""
    saved = [int(n) for n in _visible(path / 'checkpoints') if n.isdigit()]
    return max(saved, default=0)


def _is_ours(config: Mapping[str, Any]) -> bool:
    parts = [config.get('model'), config.get('options')]
    known = isinstance(config.get('arguments', 0), dict | None)
    return known and all(isinstance(part, dict) for part in parts)


def _visible(path: Path) -> list[str]:
    try:
        if path.is_file():
            raise ValueError(f'{path} is a file, wanted a folder: choose another')
        return sorted(p.name for p in path.iterdir() if not p.name.startswith('.'))
    except FileNotFoundError:
        return []


def _result(path: Path) -> dict[str, Any] | None:
    try:
        result = read_json(path)
        known = result is None or {'step', 'metrics'} <= result.keys()
        if not known or not isinstance((result or {}).get('metrics', {}), dict):
            raise ValueError(f"{path} holds no 'step' and 'metrics' of a run")
    except ValueError as error:
        raise ValueError(
            f'{error}: delete it, and the same command writes it anew'
        ) from None
    return result


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object as it was written, or give None where there is no file.

    Raises:
        ValueError: for anything else; says what.
    """
    try:
        return sealing.read(path)
    except FileNotFoundError:
        return None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file in one move, so that a kill never leaves half of it."""
    write_text(path, to_json(content, indent=2) + '\n')


def write_text(path: Path, text: str) -> None:
    """Write a file in one move, so that a kill or a full disk never leaves half."""
    temporary = path.with_name(f'.{path.name}.tmp')
    try:
        temporary.write_text(text, encoding='utf-8')
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file that tells whether it is what was written."""
    write_json(path, sealing.add_seal(json.loads(to_json(content))))


def to_json(content: Any, indent: int | None = None) -> str:
    """Write JSON that any reader takes: what is not finite becomes null."""

    def strict(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: strict(part) for name, part in value.items()}
        if isinstance(value, tuple | list):
            return [strict(part) for part in value]
        infinite = isinstance(value, float) and not math.isfinite(value)
        return None if infinite else value

    return json.dumps(strict(content), indent=indent, allow_nan=False)


@contextlib.contextmanager
def open_run(path: Path, config: dict[str, Any], *, resume: bool) -> Iterator[Workdir]:
    """Open the folder of a run: of several processes, the first does, for all of them.

    Args:
        path: the folder.
        config: as of `Workdir`.
        resume: likewise.

    Yields:
        The folder; to other processes a copy, in which they write what nobody reads.
    """
    folder = None
    with contextlib.ExitStack() as held:
        if processes.is_first():
            earlier(path, resume=resume)  # before anything of ours lies there
            held.enter_context(locked(path))
            folder = Workdir(path, config, resume=resume)
            if folder.aside:  # the lock has moved with it
                held.enter_context(locked(path))
        processes.wait_for_all('the folder of the run')
        own = held.enter_context(processes.own_folder(path))
        yield folder or Workdir(own, config, resume=resume)
