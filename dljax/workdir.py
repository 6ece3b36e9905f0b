"""The folder of a run: what it holds, and whether a resume fits it."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dljax import processes


class Workdir:
    """The folder of a run, and what it says about an earlier one.

    Attributes:
        path: the folder.
        result: of a run that has ended here before, or None.
        changed: the arguments that differ from those of the earlier run.
        config: what config.json holds now.
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
                Both values are named.
        """
        self.path, self.config = path, config
        self.result: dict[str, Any] | None = None
        self.changed: list[str] = []
        before = _read(path / 'config.json')
        if before is None and (path / 'checkpoints').exists():
            before = {}
        if before is not None and not resume:
            aside = next(
                other
                for number in itertools.count(1)
                if not (other := path.with_name(f'{path.name}.{number}')).exists()
            )
            path.rename(aside)
        elif before == {}:
            raise ValueError(
                f'{path} holds checkpoints but no config.json, which says of what run: '
                '--no-resume moves them aside, or choose another --workdir'
            )
        elif before:
            self.result = _read(path / 'result.json')
            fixed = [
                *_differences('model', before, config),
                *(
                    line
                    for line in _differences('options', before, config)
                    if line[0].split('.')[1] in ('seed', 'members', 'precision')
                ),
            ]
            others = []
            if None not in (before['arguments'], config['arguments']):
                others = _differences('arguments', before, config)
            elif self.result:
                fixed.append(('arguments', *_known(before), *_known(config)))
            if self.result:
                fixed += [line for line in others if line[0] != 'arguments.steps']
            if fixed:
                lines = '\n'.join(f'  {n}: there {a}, now {b}' for n, a, b in fixed)
                raise ValueError(
                    f'{path} holds another run:\n{lines}\nUse the same settings, '
                    '--no-resume to start afresh (the old run is moved aside), or '
                    'another --workdir'
                )
            self.changed = [f'{n}: {a} -> {b}' for n, a, b in others]
        path.mkdir(parents=True, exist_ok=True)

    def keep_config(self) -> None:
        """Write config.json, once it is certain that the run goes on as it says."""
        write_json(self.path / 'config.json', self.config)


def _known(config: Mapping[str, Any]) -> list[str]:
    return ['not known' if config['arguments'] is None else str(config['arguments'])]


def _differences(
    part: str, before: Mapping, now: Mapping
) -> list[tuple[str, Any, Any]]:
    old, new = before.get(part, {}), json.loads(json.dumps(now.get(part, {})))
    return [
        (f'{part}.{name}'.rstrip('.'), old.get(name), new.get(name))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise ValueError(f'{path} is no JSON: {error}') from None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file in one move, so that a kill never leaves half of it."""
    temporary = path.with_suffix('.tmp')
    temporary.write_text(to_json(content, indent=2) + '\n')
    temporary.replace(path)


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


@contextmanager
def opened(path: Path, config: dict[str, Any], *, resume: bool) -> Iterator[Workdir]:
    """Open the folder of a run: of several processes, the first does, for all of them.

    Args:
        path: the folder.
        config: as of `Workdir`.
        resume: likewise.

    Yields:
        The folder; to other processes a copy, in which they write what nobody reads.
    """
    folder = None
    if processes.is_first():
        folder = Workdir(path, config, resume=resume)
    processes.wait_for_all('the folder of the run')
    with processes.own_folder(path) as own:
        yield folder or Workdir(own, config, resume=resume)
