"""What a run is told: its options, its net's settings, and whether a resume fits."""

import dataclasses
import importlib.metadata
import itertools
import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

if TYPE_CHECKING:
    from dljax.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Options:
    """What every experiment can be told, besides its own arguments.

    Attributes:
        workdir: folder of the run; by default runs/FAMILY/EXPERIMENT here.
        seed: of the run's root key; all else follows from it.
        members: independent runs trained side by side, for a mean and a deviation.
        devices: how many devices share each batch.
        parallel: compile over a device mesh (jit), or map over devices (pmap).
        chunk: updates in one compiled call; chosen by the backend if left out.
        precision: of the computation; parameters and statistics stay float32.
        resume: go on from the last checkpoint in the workdir, if there is one.
        keep: how many of the last checkpoints stay, besides the best.
        results: a file to which one line about the finished run is appended.
    """

    workdir: Path | None = None
    seed: int = 0
    members: int = 1
    devices: int = 1
    parallel: Literal['jit', 'pmap'] = 'jit'
    chunk: int | None = None
    precision: Literal['float32', 'bfloat16'] = 'float32'
    resume: bool = True
    keep: int = 3
    results: Path | None = None

    def __post_init__(self) -> None:
        for name in ('members', 'devices', 'chunk', 'keep'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name}={value}, wanted 1 or more')
        if self.seed < 0:
            raise ValueError(f'seed={self.seed}, wanted 0 or more')
        if self.members > 1 and self.devices > 1:
            raise ValueError(
                f'members={self.members} with devices={self.devices}: an ensemble '
                'trains on one device; leave one of the two at 1'
            )


def reconfigured(net: nn.Module, **settings: Any) -> nn.Module:
    """Change a setting in a net and in every module that it holds as a field.

    Example:
        >>> import jax.numpy as jnp
        >>> from flax import linen as nn
        >>> half = reconfigured(nn.Sequential([nn.Dense(2)]), dtype=jnp.bfloat16)
        >>> half.layers[0].dtype.__name__
        'bfloat16'

    Args:
        net: a module, not bound.
        **settings: fields to set wherever a module has them.

    Returns:
        A changed copy.
    """

    def changed(value: Any) -> Any:
        if isinstance(value, nn.Module):
            return reconfigured(value, **settings)
        if isinstance(value, tuple | list):
            return type(value)(changed(part) for part in value)
        if isinstance(value, Mapping):
            return {name: changed(part) for name, part in value.items()}
        return value

    fields = {f.name for f in dataclasses.fields(net) if f.init}
    fields -= {'parent', 'name'}
    changes = {name: changed(getattr(net, name)) for name in fields}
    changes |= {name: value for name, value in settings.items() if name in fields}
    return net.clone(**changes)


def prepared(net: nn.Module, options: Options, axis: str) -> nn.Module:
    """Set a net's precision and, under pmap, the axis of its batch statistics.

    Args:
        net: as the experiment made it.
        options: of the run.
        axis: the name of the mapped axis.

    Returns:
        The net to train.
    """
    if options.precision == 'bfloat16':
        net = reconfigured(net, dtype=jnp.bfloat16)
    if options.parallel == 'pmap':
        net = reconfigured(net, axis_name=axis)
    return net


def described(net: nn.Module) -> dict[str, str]:
    """Write a net's settings as text, by the path of each field."""
    rows = {'': type(net).__name__}
    for field in dataclasses.fields(net):
        if field.name in ('parent', 'name', 'axis_name') or not field.init:
            continue
        value = getattr(net, field.name)
        parts = value if isinstance(value, tuple | list) else [value]
        if any(isinstance(part, nn.Module) for part in parts):
            for index, part in enumerate(parts):
                inner = described(part) if isinstance(part, nn.Module) else {'': part}
                prefix = field.name + (f'[{index}]' if part is not value else '')
                rows |= {
                    f'{prefix}.{name}'.rstrip('.'): str(text)
                    for name, text in inner.items()
                }
        else:
            name = getattr(value, '__qualname__', None)
            rows[field.name] = name or re.sub(r' at 0x[0-9a-f]+', '', repr(value))
    return rows


def configuration(
    name: str,
    experiment: 'Experiment',
    net: nn.Module,
    options: Options,
    arguments: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Collect what a run is made from, as config.json holds it."""
    return {
        'experiment': name,
        'arguments': {k: _plain(v) for k, v in (arguments or {}).items()},
        'options': {k: _plain(v) for k, v in dataclasses.asdict(options).items()},
        'model': described(net),
        'data': experiment.data,
        'normalizers': {
            feature: json.loads(normalizer.to_json())
            for feature, normalizer in experiment.normalizers.items()
        },
        'commit': commit(),
        'versions': {
            package: importlib.metadata.version(package)
            for package in ('jax', 'flax', 'optax', 'orbax-checkpoint')
        }
        | {'python': platform.python_version()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value if isinstance(value, int | float | None) else str(value)


def device() -> str:
    """Name the kind of device that is computed on; of a CPU, with its cores."""
    kind = jax.devices()[0].device_kind
    return f'{kind} ({os.cpu_count()} cores)' if kind == 'cpu' else kind


def commit() -> str | None:
    """Name the commit that the package runs from, or None outside a checkout."""

    def git(*words: str) -> str:
        return subprocess.run(
            ['git', *words],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        if not git('ls-files', Path(__file__).name):
            return None
        changed = git('status', '--porcelain', '--untracked-files=no')
        return git('rev-parse', '--short=12', 'HEAD') + ('+' if changed else '')
    except (OSError, subprocess.SubprocessError):
        return None


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
                the seed, the members, the precision; or in any argument but the number
                of steps, once it has ended. Both values are named.
        """
        self.path, self.config = path, config
        self.result: dict[str, Any] | None = None
        self.changed: list[str] = []
        before = _read(path / 'config.json')
        if before and not resume:
            aside = next(
                other
                for number in itertools.count(1)
                if not (other := path.with_name(f'{path.name}.{number}')).exists()
            )
            path.rename(aside)
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
            others = _differences('arguments', before, config)
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
