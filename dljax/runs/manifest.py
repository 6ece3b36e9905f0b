"""What a run is told: its options, its net's settings, and whether a resume fits."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dljax.host.hashing import hash_files
from dljax.host.machine import commit, versions
from dljax.models.fields import describe
from dljax.runs.assembly import Assembly
from dljax.runs.facts import facts

# Bytes of data at most that are hashed as a run begins: some seconds.
HASHED = 4 * 2**30


def configuration(
    name: str, made: Assembly, arguments: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Collect what a run is made from, as config.json holds it."""
    experiment, net, options = made.experiment, made.net, made.options
    return {
        'experiment': name,
        'arguments': arguments and {k: _plain(v) for k, v in arguments.items()},
        'files': files_of(arguments or {}),
        'options': {k: _plain(v) for k, v in dataclasses.asdict(options).items()},
        'model': describe(net),
        **facts(experiment, net, made.sample),
        'data': experiment.data_summary,
        'plateau': experiment.plateau and dataclasses.asdict(experiment.plateau),
        'best': {'metric': experiment.best, 'maximize': experiment.maximize},
        'normalizers': {
            feature: json.loads(normalizer.to_json())
            for feature, normalizer in experiment.normalizers.items()
        },
        'commit': commit(),
        'versions': versions('jax', 'flax', 'optax', 'orbax-checkpoint'),
    }


def files_of(arguments: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Tell what lies where the arguments point to.

    Args:
        arguments: by name, of which the paths count.

    Returns:
        By name the SHA-256 of the file, or of all files of the folder, and the bytes;
        without a hash where they are more than `HASHED`.
    """
    found = {}
    for name, value in arguments.items():
        if isinstance(value, Path) and value.expanduser().exists():
            path = value.expanduser()
            size = sum(
                file.stat().st_size
                for file in (path.rglob('*') if path.is_dir() else [path])
                if file.is_file()
            )
            found[name] = (
                {'sha256': None, 'bytes': size}
                if size > HASHED
                else hash_files(path)._asdict()
            )
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value if isinstance(value, int | float | None) else str(value)
